"""A program with web3.py, unmodified: accounts, a contract, events, filters, fees, errors, proofs, and subscriptions.

    L2_RPC=… L2_WS=… PRIVATE_KEY=… CONTRACT=counter.json python session.py
"""

import asyncio
import json
import os

from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import ContractCustomError, ContractLogicError, TransactionNotFound, Web3RPCError
from web3.middleware import SignAndSendRawMiddlewareBuilder

TO = Web3.to_checksum_address("0x0000000000000000000000000000000000007079")


def step(what):
    print(what, flush=True)


def failure(kind, call):
    """The error of one kind that a call ends with."""
    try:
        value = call()
    except kind as error:
        return error
    raise AssertionError(f"should fail, but gave {value}")


web3 = Web3(Web3.HTTPProvider(os.environ["L2_RPC"]))
account = web3.eth.account.from_key(os.environ["PRIVATE_KEY"])
# Transactions of this account are signed here. That is all the middleware that it takes: extraData of a block is short.
web3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(account), layer=0)
web3.eth.default_account = account.address

step("the network")
assert web3.is_connected()
assert web3.eth.chain_id == int(web3.net.version)
assert web3.client_version.startswith("recourse-node/")
assert web3.eth.syncing is False
latest = web3.eth.get_block("latest", full_transactions=True)
assert latest.transactions[0].type == 0x7E
for tag in ["earliest", "safe", "finalized", "pending"]:
    assert web3.eth.get_block(tag).number <= web3.eth.block_number
history = web3.eth.fee_history(4, "latest", [10, 90])
assert len(history.baseFeePerGas) == len(history.gasUsedRatio) + 1
assert web3.eth.max_priority_fee >= 0 and web3.eth.gas_price > 0

step("a transfer")
before = web3.eth.get_balance(TO)
receipt = web3.eth.wait_for_transaction_receipt(web3.eth.send_transaction({"to": TO, "value": 5}))
assert receipt.status == 1 and receipt.type == 2
assert web3.eth.get_balance(TO) == before + 5
assert web3.eth.get_balance(TO, receipt.blockNumber - 1) == before
# By hand as well: signed, its hash known before it is sent.
signed = account.sign_transaction(
    {
        "chainId": web3.eth.chain_id,
        "nonce": web3.eth.get_transaction_count(account.address, "pending"),
        "to": TO,
        "value": 1,
        "gas": 21_000,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 1,
        "accessList": [],
    }
)
assert web3.eth.send_raw_transaction(signed.raw_transaction) == signed.hash
mined = web3.eth.wait_for_transaction_receipt(signed.hash)
assert web3.eth.get_transaction(signed.hash).blockHash == mined.blockHash
assert len(web3.eth.get_block_receipts(mined.blockNumber)) >= 2
failure(TransactionNotFound, lambda: web3.eth.get_transaction("0x" + "11" * 32))
low = failure(Web3RPCError, lambda: web3.eth.send_raw_transaction(signed.raw_transaction))
assert "nonce too low" in str(low) or "already known" in str(low), low

step("a contract, its events and errors")
with open(os.environ["CONTRACT"]) as file:
    artifact = json.load(file)
factory = web3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
deployed = web3.eth.wait_for_transaction_receipt(factory.constructor().transact())
counter = web3.eth.contract(deployed.contractAddress, abi=artifact["abi"])
blocks = web3.eth.filter("latest")
# Not from the latest block on: others make blocks meanwhile.
logs = counter.events.Counted.create_filter(from_block=deployed.blockNumber)
added = web3.eth.wait_for_transaction_receipt(counter.functions.add(7).transact())
assert counter.functions.count().call() == 7
assert counter.functions.count().call(block_identifier=added.blockNumber - 1) == 0
assert counter.events.Counted().process_receipt(added)[0].args.count == 7
found = counter.events.Counted.get_logs(from_block=deployed.blockNumber, argument_filters={"who": account.address})
assert [event.args.count for event in found] == [7]
assert [event.args.count for event in logs.get_new_entries()] == [7]
assert [event.args.count for event in logs.get_all_entries()] == [7]
assert added.blockHash in blocks.get_new_entries()
assert web3.eth.uninstall_filter(logs.filter_id) and not web3.eth.uninstall_filter(logs.filter_id)
reason = failure(ContractLogicError, lambda: counter.functions.add(0).call())
assert "nothing to add" in str(reason), reason
custom = failure(ContractCustomError, lambda: counter.functions.add(101).call())
assert custom.data.startswith(web3.keccak(text="TooMuch(uint256,uint256)")[:4].to_0x_hex()), custom
override = {counter.address: {"stateDiff": {"0x" + "00" * 32: "0x" + "00" * 31 + "20"}}}
assert counter.functions.add(1).call(state_override=override) == 33
assert counter.functions.add(1).estimate_gas() > 21_000
assert web3.eth.create_access_list(counter.functions.add(1).build_transaction())["gasUsed"] > 21_000
proof = web3.eth.get_proof(counter.address, [0], added.blockNumber)
assert proof.storageProof[0].value == b"\x07" and proof.accountProof
assert int(web3.geth.txpool.status()["pending"], 16) >= 0
trace = web3.manager.request_blocking("debug_traceTransaction", [added.transactionHash, {"tracer": "callTracer"}])
assert int(trace["gasUsed"], 16) == added.gasUsed


async def subscriptions():
    """New heads, pending transactions and logs by one WebSocket."""
    async with AsyncWeb3(WebSocketProvider(os.environ["L2_WS"])) as live:
        heads = await live.eth.subscribe("newHeads")
        pending = await live.eth.subscribe("newPendingTransactions")
        events = await live.eth.subscribe("logs", {"address": counter.address})
        sent = counter.functions.add(2).transact()
        missing = {heads, pending, events}
        async for message in live.socket.process_subscriptions():
            kind, result = message["subscription"], message["result"]
            if kind == events:
                assert result.transactionHash == sent
            if kind == heads:
                assert result.number > added.blockNumber
            missing.discard(kind)
            if not missing:
                break
        for kind in [heads, pending, events]:
            assert await live.eth.unsubscribe(kind)


step("subscriptions")
asyncio.run(asyncio.wait_for(subscriptions(), 60))
step("done")
