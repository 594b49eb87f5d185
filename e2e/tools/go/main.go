// A program with go-ethereum's client, unmodified: ethclient, gethclient, accounts/abi/bind.
//
//	L2_RPC=… L2_WS=… PRIVATE_KEY=… CONTRACT=counter.json session
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	raw := dial(ctx, "L2_RPC")
	session := &session{ctx: ctx, raw: raw, client: ethclient.NewClient(raw), live: ethclient.NewClient(dial(ctx, "L2_WS"))}
	session.network()
	session.deposits()
	session.contract()
	session.subscriptions()
	session.geth()
	fmt.Println("done")
}

// What all parts use.
type session struct {
	ctx    context.Context
	raw    *rpc.Client
	client *ethclient.Client
	live   *ethclient.Client
	sent
}

func dial(ctx context.Context, variable string) *rpc.Client {
	client, err := rpc.DialContext(ctx, os.Getenv(variable))
	must(err)
	return client
}

func step(what string) { fmt.Println(what) }

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
