package main

import (
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"strings"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/accounts/abi/bind/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rpc"
)

// What was deployed and sent.
type sent struct {
	auth    *bind.TransactOpts
	address common.Address
	abi     abi.ABI
	bound   *bind.BoundContract
	added   *types.Receipt
}

type counted struct {
	Who   common.Address
	Count *big.Int
}

func (counted) ContractEventName() string { return "Counted" }

// Deploys and uses a contract through accounts/abi/bind.
func (s *session) contract() {
	step("a contract")
	var artifact struct {
		Abi      json.RawMessage
		Bytecode hexutil.Bytes
	}
	must(json.Unmarshal(need(os.ReadFile(os.Getenv("CONTRACT"))), &artifact))
	s.abi = need(abi.JSON(strings.NewReader(string(artifact.Abi))))
	key := need(crypto.HexToECDSA(strings.TrimPrefix(os.Getenv("PRIVATE_KEY"), "0x")))
	s.auth = bind.NewKeyedTransactor(key, need(s.client.ChainID(s.ctx)))
	s.auth.Context = s.ctx
	_, deployment, err := bind.DeployContract(s.auth, artifact.Bytecode, s.client, nil)
	must(err)
	s.address = need(bind.WaitDeployed(s.ctx, s.client, deployment.Hash()))
	s.bound = bind.NewBoundContract(s.address, s.abi, s.client, s.live, s.live)
	tx := s.add(7)
	s.added = need(bind.WaitMined(s.ctx, s.client, tx.Hash()))
	check(s.added.Status == types.ReceiptStatusSuccessful && len(s.added.Logs) == 1, "the call failed")
	read := func(opts *bind.CallOpts) int64 {
		unpack := func(data []byte) (*big.Int, error) { return new(big.Int).SetBytes(data), nil }
		return need(bind.Call(s.bound, opts, need(s.abi.Pack("count")), unpack)).Int64()
	}
	before := new(big.Int).Sub(s.added.BlockNumber, common.Big1)
	check(read(nil) == 7 && read(&bind.CallOpts{BlockNumber: before}) == 0, "the count")
	check(read(&bind.CallOpts{BlockHash: s.added.BlockHash}) == 7, "the count by the block's hash")

	found, pending, err := s.client.TransactionByHash(s.ctx, tx.Hash())
	must(err)
	check(!pending && found.Hash() == tx.Hash(), "another transaction")
	same := need(s.client.TransactionInBlock(s.ctx, s.added.BlockHash, s.added.TransactionIndex))
	sender := need(s.client.TransactionSender(s.ctx, same, s.added.BlockHash, s.added.TransactionIndex))
	check(same.Hash() == tx.Hash() && sender == s.auth.From, "the sender is %s", sender)
	check(need(s.client.PendingNonceAt(s.ctx, sender)) == tx.Nonce()+1, "the nonce")

	events := need(bind.FilterEvents(s.bound, &bind.FilterOpts{Start: before.Uint64(), Context: s.ctx}, s.unpack, []any{s.auth.From}))
	check(events.Next() && events.Value().Count.Int64() == 7 && !events.Next(), "the events")
	logs := need(s.client.FilterLogs(s.ctx, ethereum.FilterQuery{BlockHash: &s.added.BlockHash, Addresses: []common.Address{s.address}}))
	check(len(logs) == 1 && logs[0].TxHash == tx.Hash(), "the logs")
	s.failures(tx)
}

func (s *session) failures(tx *types.Transaction) {
	for amount, reason := range map[int64]string{0: "execution reverted: nothing to add", 101: "execution reverted"} {
		message := ethereum.CallMsg{From: s.auth.From, To: &s.address, Data: need(s.abi.Pack("add", big.NewInt(amount)))}
		_, err := s.client.CallContract(s.ctx, message, nil)
		var failure rpc.DataError
		check(errors.As(err, &failure) && failure.Error() == reason && failure.ErrorData() != nil, "adding %d: %v", amount, err)
		_, err = s.client.EstimateGas(s.ctx, message)
		check(errors.As(err, &failure) && failure.ErrorData() != nil, "estimating %d: %v", amount, err)
	}
	err := s.client.SendTransaction(s.ctx, tx)
	check(err != nil && (strings.Contains(err.Error(), "nonce too low") || strings.Contains(err.Error(), "already known")), "sent twice: %v", err)
}

func (s *session) add(amount int64) *types.Transaction {
	return need(bind.Transact(s.bound, s.auth, need(s.abi.Pack("add", big.NewInt(amount)))))
}

func (s *session) unpack(log *types.Log) (*counted, error) {
	event := new(counted)
	return event, s.bound.UnpackLog(event, "Counted", *log)
}

// New heads, logs and events, by WebSocket.
func (s *session) subscriptions() {
	step("subscriptions")
	heads, logs, events := make(chan *types.Header), make(chan types.Log), make(chan *counted)
	first := need(s.live.SubscribeNewHead(s.ctx, heads))
	second := need(s.live.SubscribeFilterLogs(s.ctx, ethereum.FilterQuery{Addresses: []common.Address{s.address}}, logs))
	third := need(bind.WatchEvents(s.bound, &bind.WatchOpts{Context: s.ctx}, s.unpack, events))
	tx := s.add(3)
	for head, log, event := false, false, false; !(head && log && event); {
		select {
		case next := <-heads:
			head = true
			check(need(s.client.HeaderByHash(s.ctx, next.Hash())).Root == next.Root, "another header")
		case next := <-logs:
			log = true
			check(next.TxHash == tx.Hash() && next.BlockTimestamp > 0, "another log")
		case next := <-events:
			event = true
			check(next.Count.Int64() == 10, "counted %s", next.Count)
		case <-s.ctx.Done():
			must(s.ctx.Err())
		}
	}
	for _, subscription := range []ethereum.Subscription{first, second, third} {
		subscription.Unsubscribe()
	}
}
