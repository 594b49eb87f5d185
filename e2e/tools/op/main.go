// What the tools of the OP Stack (op-proposer, op-challenger, op-dispute-mon) ask a rollup node, read into their own types.
//
//	L2_RPC=… session
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/ethereum-optimism/optimism/op-service/eth"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := need(rpc.DialContext(ctx, os.Getenv("L2_RPC")))
	ask := func(result any, method string, params ...any) {
		must(client.CallContext(ctx, result, method, params...))
	}
	blocks := ethclient.NewClient(client)

	var status eth.SyncStatus
	ask(&status, "optimism_syncStatus")
	check(status.UnsafeL2.Number >= status.SafeL2.Number && status.SafeL2.Number >= status.FinalizedL2.Number, "the order of heads")
	check(status.HeadL1.Hash != common.Hash{} && status.HeadL1.Number >= status.CurrentL1.Number, "L1's head")
	check(status.SafeL2.Number > 0, "nothing is safe")
	head := need(blocks.HeaderByHash(ctx, status.UnsafeL2.Hash))
	check(head.Time == status.UnsafeL2.Time && head.ParentHash == status.UnsafeL2.ParentHash, "the head")

	var output eth.OutputResponse
	ask(&output, "optimism_outputAtBlock", hexutil.Uint64(status.SafeL2.Number))
	header := need(blocks.HeaderByHash(ctx, output.BlockRef.Hash))
	check(output.BlockRef.Number == status.SafeL2.Number && output.BlockRef.Hash == status.SafeL2.Hash, "the output's block")
	check(output.StateRoot == header.Root && output.WithdrawalStorageRoot == *header.WithdrawalsHash, "the output's roots")
	check(output.BlockRef.L1Origin.Hash != common.Hash{} && output.Status != nil, "the output's L1 origin")
	computed := eth.OutputRoot(&eth.OutputV0{
		StateRoot:                eth.Bytes32(header.Root),
		MessagePasserStorageRoot: eth.Bytes32(*header.WithdrawalsHash),
		BlockHash:                header.Hash(),
	})
	check(output.OutputRoot == computed && output.Version == eth.OutputVersionV0, "the output is %s, not %s", output.OutputRoot, computed)

	var safe eth.SafeHeadResponse
	ask(&safe, "optimism_safeHeadAtL1Block", hexutil.Uint64(status.CurrentL1.Number))
	check(safe.SafeHead.Number >= status.SafeL2.Number && safe.L1Block.Number <= status.CurrentL1.Number, "the safe head at an L1 block")
	check(need(blocks.HeaderByHash(ctx, safe.SafeHead.Hash)).Number.Uint64() == safe.SafeHead.Number, "the safe head's hash")

	// A deposit is a transaction of op-geth's own type.
	block := need(blocks.BlockByNumber(ctx, header.Number))
	for _, tx := range block.Transactions() {
		check(tx.Type() != types.DepositTxType || tx.SourceHash() != common.Hash{}, "a deposit without its source")
	}
	var config map[string]json.RawMessage
	ask(&config, "optimism_rollupConfig")
	for _, field := range []string{"genesis", "block_time", "l1_chain_id", "l2_chain_id", "batch_inbox_address", "deposit_contract_address"} {
		check(config[field] != nil, "no %s in the rollup's configuration", field)
	}
	var version string
	ask(&version, "optimism_version")
	fmt.Println("done")
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func need[T any](value T, err error) T {
	must(err)
	return value
}

func check(holds bool, what string, values ...any) {
	if !holds {
		panic(fmt.Sprintf(what, values...))
	}
}
