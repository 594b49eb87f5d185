package main

import (
	"math/big"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/eth/tracers"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/ethclient/gethclient"
	"github.com/ethereum/go-ethereum/rpc"
)

// What gethclient has besides: proofs, overrides, access lists, traces, simulations.
func (s *session) geth() {
	step("gethclient")
	client := gethclient.New(s.raw)
	message := ethereum.CallMsg{From: s.auth.From, To: &s.address, Data: need(s.abi.Pack("add", big.NewInt(1)))}
	list, used, failure, err := client.CreateAccessList(s.ctx, message)
	must(err)
	check(len(*list) == 1 && used > 21_000 && failure == "", "the access list: %s", failure)
	proof := need(client.GetProof(s.ctx, s.address, []string{"0x0"}, s.added.BlockNumber))
	check(proof.StorageProof[0].Value.Int64() == 7 && len(proof.AccountProof) > 0, "the proof")
	overrides := map[common.Address]gethclient.OverrideAccount{
		s.address: {StateDiff: map[common.Hash]common.Hash{{}: common.BigToHash(big.NewInt(32))}},
	}
	answer := need(client.CallContract(s.ctx, message, nil, &overrides))
	check(new(big.Int).SetBytes(answer).Int64() == 33, "the override")
	// NUMBER, MSTORE, RETURN.
	overrides[s.address] = gethclient.OverrideAccount{Code: common.FromHex("0x435f5260205ff3")}
	block := gethclient.BlockOverrides{Number: big.NewInt(1_000_000)}
	answer = need(client.CallContractWithBlockOverrides(s.ctx, message, nil, &overrides, block))
	check(new(big.Int).SetBytes(answer).Int64() == 1_000_000, "the block's number")

	frame := need(client.TraceTransactionWithCallTracer(s.ctx, s.added.TxHash, &gethclient.CallTracerConfig{WithLog: true}))
	check(uint64(frame.GasUsed) == s.added.GasUsed && len(frame.Logs) == 1, "the trace of a transaction")
	latest := rpc.BlockNumberOrHashWithNumber(rpc.LatestBlockNumber)
	frame = need(client.TraceCallWithCallTracer(s.ctx, message, latest, nil, nil, nil))
	check(frame.Error == "", "the trace of a call: %s", frame.Error)
	need(client.TraceTransaction(s.ctx, s.added.TxHash, nil))
	tracer := "prestateTracer"
	need(client.TraceBlock(s.ctx, s.added.BlockHash, &tracers.TraceConfig{Tracer: &tracer}))

	blocks := need(s.client.SimulateV1(s.ctx, ethclient.SimulateOptions{
		BlockStateCalls: []ethclient.SimulateBlock{{Calls: []ethereum.CallMsg{message, message}}, {Calls: []ethereum.CallMsg{message}}},
	}, nil))
	check(len(blocks) == 2 && len(blocks[0].Calls) == 2 && blocks[1].Calls[0].Status == types.ReceiptStatusSuccessful, "the simulation")
}
