import type { JSX } from 'preact'
import { api } from '../api'
import { decodeRevert } from '../decode'
import { big, count, int } from '../format'
import { stagesVersion } from '../live'
import { Eth, GasPrice } from '../parts/Amount'
import { Stages } from '../parts/Certainty'
import { Address, Hex } from '../parts/Hex'
import { Icon } from '../parts/Icon'
import { Input, Logs } from '../parts/Input'
import { Page, Section } from '../parts/Page'
import { Loaded } from '../parts/State'
import { Fact, Facts } from '../parts/Table'
import { Text } from '../parts/Text'
import { When } from '../parts/Time'
import { Trace } from '../parts/Trace'
import { WithdrawalCard } from '../parts/Withdrawal'
import { Transfers } from '../parts/Transfers'
import { useQuery } from '../query'
import { node, type RpcReceipt, type RpcTransaction } from '../rpc'
import type { Certainty } from '../types'

interface Known { transaction: RpcTransaction | null; receipt: RpcReceipt | null }

/** The OP Stack's type of a deposit. */
const DEPOSIT = 0x7e

const TYPES: Record<number, string> = {
  0: 'legacy', 1: 'with an access list', 2: 'with a priority fee (EIP-1559)', 4: 'sets code (EIP-7702)', [DEPOSIT]: 'a deposit from L1',
}

async function known(hash: string, signal: AbortSignal): Promise<Known> {
  const [transaction, receipt] = await Promise.all([node.transaction(hash, signal), node.receipt(hash, signal)])
  return { transaction, receipt }
}

function Fee({ receipt }: { receipt: RpcReceipt }): JSX.Element {
  const execution = big(receipt.gasUsed) * big(receipt.effectiveGasPrice)
  const l1 = big(receipt.l1Fee)
  const operator = big(receipt.operatorFee)
  return (
    <>
      <Eth wei={execution + l1 + operator} />
      {(l1 > 0n || operator > 0n) && (
        <span class="soft"> = <Eth wei={execution} /> for execution{l1 > 0n && <> + <Eth wei={l1} /> for data on L1</>}{operator > 0n && <> + <Eth wei={operator} /> for the operator</>}</span>
      )}
    </>
  )
}

function Result({ receipt, hash }: { receipt: RpcReceipt; hash: string }): JSX.Element {
  const failed = Number(receipt.status) === 0
  const reason = useQuery(failed ? `reason ${hash}` : null, async (signal) => {
    const call = await node.trace(hash, signal)
    return { text: call.revertReason ?? decodeRevert(call.output) ?? call.error ?? '' }
  })
  if (!failed) return <span class="mark right"><Icon name="right" />done</span>
  return <><span class="mark wrong"><Icon name="wrong" />failed</span>{reason.data?.text ? <>: <Text value={reason.data.text} cut={200} /></> : ' and changed nothing but nonce and fee.'}</>
}

function Details({ transaction, receipt }: { transaction: RpcTransaction; receipt: RpcReceipt | null }): JSX.Element {
  const type = Number(transaction.type)
  return (
    <>
      <Section title="What it does">
        <Facts>
          {receipt && <Fact name="Result"><Result receipt={receipt} hash={transaction.hash} /></Fact>}
          <Fact name="From"><Address value={transaction.from} full copy /></Fact>
          <Fact name="To">
            {transaction.to ? <Address value={transaction.to} full copy />
              : receipt?.contractAddress ? <>creates <Address value={receipt.contractAddress} full copy /></> : 'creates a contract'}
          </Fact>
          <Fact name="Value"><Eth wei={transaction.value} /></Fact>
          {type === DEPOSIT && big(transaction.mint) > 0n && <Fact name="Deposited"><Eth wei={transaction.mint} /></Fact>}
          {receipt && <Fact name="Fee">{type === DEPOSIT ? 'paid on L1' : <Fee receipt={receipt} />}</Fact>}
          <Fact name="Gas">{receipt ? <>{int(big(receipt.gasUsed))} of {int(big(transaction.gas))}</> : <>at most {int(big(transaction.gas))}</>}</Fact>
          {type !== DEPOSIT && <Fact name="Gas price"><GasPrice wei={receipt?.effectiveGasPrice ?? transaction.gasPrice} />{transaction.maxFeePerGas && <span class="soft">, at most <GasPrice wei={transaction.maxFeePerGas} /></span>}</Fact>}
          <Fact name="Nonce">{int(big(transaction.nonce))}</Fact>
          <Fact name="Kind">{TYPES[type] ?? `type ${type}`}</Fact>
        </Facts>
      </Section>
      {receipt && <Transfers logs={receipt.logs} />}
      <Section title="Input"><Input input={transaction.input} creates={!transaction.to} /></Section>
      {receipt && <Section title={receipt.logs.length === 0 ? 'Events' : count(receipt.logs.length, 'event')}><Logs logs={receipt.logs} /></Section>}
      <Section title="Calls"><Trace hash={transaction.hash} /></Section>
    </>
  )
}

function Place({ certainty }: { certainty: Certainty }): JSX.Element {
  return (
    <>
      <p class="sentence">
        In block <a href={`/block/${certainty.block}`}>{int(certainty.block)}</a>, <When time={certainty.time} />.
        {certainty.deposit && <> It is a deposit, started on L1 in block {int(certainty.deposit.l1Block)}{certainty.deposit.l1Transaction && <> by transaction <Hex value={certainty.deposit.l1Transaction} copy="the L1 transaction's hash" /></>}.</>}
      </p>
      <Stages certainty={certainty} />
    </>
  )
}

export function TransactionPage({ hash }: { hash: string }): JSX.Element {
  const certainty = useQuery(`certainty ${hash}`, (signal) => api.transaction(hash, signal), { version: stagesVersion.value, every: 5000 })
  const onL1 = (certainty.data?.stages.onL1 ?? null) !== null
  const details = useQuery(`transaction ${hash}`, (signal) => known(hash, signal), { version: onL1 })
  const nowhere = certainty.error?.status === 404 && !details.loading && !details.data?.transaction
  const withdrawals = certainty.data?.withdrawals ?? []
  return (
    <Page title="Transaction" lead={<Hex value={hash} full copy="the transaction's hash" />}>
      {nowhere
        ? <p class="empty">The challenger knows no transaction with this hash. If it was sent just now, it is not on L1 yet: the page looks again by itself. <button type="button" class="button" onClick={() => { certainty.retry(); details.retry() }}>Look again</button></p>
        : (
          <>
            <section class="section" aria-label="How certain it is">
              <Loaded query={certainty} what="how certain it is" missing="How certain this transaction is, is not known.">{(data) => <Place certainty={data} />}</Loaded>
            </section>
            {withdrawals.length > 0 && (
              <Section title={count(withdrawals.length, 'withdrawal')}>
                {withdrawals.map((withdrawal) => <WithdrawalCard key={withdrawal.hash} withdrawal={withdrawal} changed={certainty.retry} />)}
              </Section>
            )}
            <Loaded query={details} what="the transaction">
              {({ transaction, receipt }) => (transaction
                ? <Details transaction={transaction} receipt={receipt} />
                : <p class="empty">What it does is shown once its batch is on L1, where the challenger reads it.</p>)}
            </Loaded>
          </>
        )}
    </Page>
  )
}
