import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { bytes, int, units } from '../format'
import { Eth } from '../parts/Amount'
import { Address, Hex } from '../parts/Hex'
import { Page, Section } from '../parts/Page'
import { Loaded } from '../parts/State'
import { Fact, Facts } from '../parts/Table'
import { Text } from '../parts/Text'
import { TransactionTable } from '../parts/TransactionTable'
import { useQuery } from '../query'
import { node, type TransactionsPage } from '../rpc'
import { token, type Token } from '../token'
import { Expand } from '../parts/Expand'
import { knownName } from '../abi'

interface Account { balance: string; code: string; nonce: string }

async function account(address: string, signal: AbortSignal): Promise<Account> {
  const [balance, code, nonce] = await Promise.all([
    node.balance(address, signal), node.code(address, signal), node.nonce(address, signal),
  ])
  return { balance, code, nonce }
}

/** What EIP-7702 writes in front of the address whose code an account runs. */
const DELEGATION = '0xef0100'

function Code({ code }: { code: string }): JSX.Element {
  if (code.length <= 2) return <>none: an account that a key signs for, or nobody yet</>
  if (code.startsWith(DELEGATION) && code.length === 48) {
    return <>delegated to <Address value={`0x${code.slice(DELEGATION.length)}`} /></>
  }
  return <>{bytes((code.length - 2) / 2)}</>
}

function TokenFacts({ known }: { known: Token }): JSX.Element {
  return (
    <Section title="It says of itself">
      <p class="sentence soft">Anybody can give a token any name.</p>
      <Facts>
        <Fact name="Name"><Text value={known.name ?? '–'} cut={80} /></Fact>
        <Fact name="Symbol"><Text value={known.symbol ?? '–'} cut={40} /></Fact>
        <Fact name="Decimals">{known.decimals ?? '–'}</Fact>
        <Fact name="Supply">
          {known.supply === null ? '–' : <span title={String(known.supply)}>{units(known.supply, known.decimals ?? 0)}</span>}
        </Fact>
      </Facts>
    </Section>
  )
}

const COUNT = 25

function lowest({ txs }: TransactionsPage): number {
  return txs.reduce((low, { blockNumber }) => Math.min(low, Number(blockNumber ?? Infinity)), Infinity)
}

function History({ address }: { address: string }): JSX.Element {
  // The blocks below which the pages start, up to the one that is shown. 0 is the newest.
  const [path, setPath] = useState<number[]>([0])
  const before = path[path.length - 1] ?? 0
  const query = useQuery(
    `${address} before ${before}`, (signal) => node.transactionsBefore(address, before, COUNT, signal), { keep: true },
  )
  return (
    <Section title="Transactions">
      <Loaded query={query} what="the transactions">
        {(page) => (
          <>
            <TransactionTable rows={page.txs.map((transaction, index) => {
              const receipt = page.receipts[index]
              return {
                hash: transaction.hash, transaction,
                failed: receipt !== undefined && Number(receipt.status) === 0,
                ...(receipt?.timestamp !== undefined ? { time: Number(receipt.timestamp) } : {}),
              }
            })} />
            <div class="pager">
              <button type="button" class="button" disabled={path.length === 1} onClick={() => setPath([0])}>Newest</button>
              <button type="button" class="button" disabled={path.length === 1} onClick={() => setPath(path.slice(0, -1))}>Newer</button>
              <button type="button" class="button" disabled={page.lastPage || !Number.isFinite(lowest(page)) || query.loading}
                onClick={() => setPath([...path, lowest(page)])}>Older</button>
            </div>
          </>
        )}
      </Loaded>
    </Section>
  )
}

export function AddressPage({ address }: { address: string }): JSX.Element {
  const state = useQuery(`account ${address}`, (signal) => account(address, signal), { every: 15_000 })
  const contract = (state.data?.code.length ?? 0) > 2
  const creator = useQuery(contract ? `creator ${address}` : null, (signal) => node.creator(address, signal))
  const told = useQuery(contract ? `token ${address}` : null, () => token(address))
  const name = knownName(address)
  return (
    <Page title={name ?? (contract ? 'Contract' : 'Account')} lead={<Address value={address} full copy />}>
      <Loaded query={state} what="the account">
        {({ balance, code, nonce }) => (
          <>
            <Facts>
              <Fact name="Balance"><Eth wei={balance} /></Fact>
              <Fact name="Nonce">{int(Number(nonce))}</Fact>
              <Fact name="Code"><Code code={code} /></Fact>
              {creator.data && (
                <Fact name="Created by">
                  <Address value={creator.data.creator} /> in <Hex value={creator.data.hash} href={`/tx/${creator.data.hash}`} />
                </Fact>
              )}
            </Facts>
            {told.data && <TokenFacts known={told.data} />}
            {contract && <Expand summary="Its code">{() => <div class="bytes"><Text value={code} mono /></div>}</Expand>}
          </>
        )}
      </Loaded>
      <History key={address} address={address} />
    </Page>
  )
}
