package main

import (
	"errors"
	"math/big"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"
)

// The chain itself: what a program asks first.
func (s *session) network() {
	step("the network")
	id := need(s.client.ChainID(s.ctx))
	check(id.Cmp(need(s.client.NetworkID(s.ctx))) == 0, "chain and network differ")
	check(need(s.client.SyncProgress(s.ctx)) == nil, "syncing")
	head := need(s.client.HeaderByNumber(s.ctx, nil))
	// The hash is computed from the fields: none is missing, and none is different.
	check(need(s.client.HeaderByHash(s.ctx, head.Hash())).Number.Cmp(head.Number) == 0, "another header by its hash")
	for _, tag := range []rpc.BlockNumber{rpc.SafeBlockNumber, rpc.FinalizedBlockNumber, rpc.EarliestBlockNumber, rpc.PendingBlockNumber} {
		need(s.client.HeaderByNumber(s.ctx, big.NewInt(int64(tag))))
	}
	need(s.client.SuggestGasPrice(s.ctx))
	need(s.client.SuggestGasTipCap(s.ctx))
	history := need(s.client.FeeHistory(s.ctx, 3, nil, []float64{50}))
	check(len(history.BaseFee) == len(history.GasUsedRatio)+1, "fee history")
	_, _, err := s.client.TransactionByHash(s.ctx, common.HexToHash("0x11"))
	check(errors.Is(err, ethereum.NotFound), "an unknown transaction: %v", err)
	_, err = s.client.TransactionReceipt(s.ctx, common.HexToHash("0x11"))
	check(errors.Is(err, ethereum.NotFound), "an unknown receipt: %v", err)
}

// A block's first transaction is a deposit, of type 0x7e, which plain go-ethereum does not know. Blocks with their transactions
// it refuses, as it does on every chain of the OP Stack: op-geth's ethclient reads them. All else works.
func (s *session) deposits() {
	step("deposits")
	head := need(s.client.HeaderByNumber(s.ctx, nil))
	_, err := s.client.BlockByHash(s.ctx, head.Hash())
	check(errors.Is(err, types.ErrTxTypeNotSupported), "a block with a deposit: %v", err)
	check(need(s.client.TransactionCount(s.ctx, head.Hash())) > 0, "a block without a transaction")
	_, err = s.client.TransactionInBlock(s.ctx, head.Hash(), 0)
	check(errors.Is(err, types.ErrTxTypeNotSupported), "a deposit: %v", err)
	receipts := need(s.client.BlockReceipts(s.ctx, rpc.BlockNumberOrHashWithHash(head.Hash(), false)))
	check(receipts[0].Type == 0x7e && receipts[0].Status == types.ReceiptStatusSuccessful, "the deposit's receipt")
	receipt := need(s.client.TransactionReceipt(s.ctx, receipts[0].TxHash))
	check(receipt.BlockHash == head.Hash(), "another block's deposit")
}
