import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { mayWithdraw } from '../bridge'
import { api } from '../api'
import { stagesVersion } from '../live'
import { useQuery } from '../query'
import { node } from '../rpc'
import { Hex } from './Hex'
import { Loaded } from './State'
import { WithdrawalCard } from './Withdrawal'

/** Often enough that a state which changes by time alone is seen soon. */
const REFRESH_MS = 5000

/** The withdrawals that one transaction started. */
export function WithdrawalsOf({ hash }: { hash: string }): JSX.Element {
  const query = useQuery(`certainty ${hash}`, (signal) => api.transaction(hash, signal), { version: stagesVersion.value, every: REFRESH_MS })
  return (
    <Loaded query={query} what="the withdrawal" missing="It is not on L1 yet: the challenger knows it once its batch is there. The page looks again by itself.">
      {({ withdrawals }) => (withdrawals.length === 0
        ? <p class="empty">Transaction <Hex value={hash} href={`/tx/${hash}`} /> started no withdrawal.</p>
        : <>{withdrawals.map((one) => <WithdrawalCard key={one.hash} withdrawal={one} changed={query.retry} transaction={hash} />)}</>)}
    </Loaded>
  )
}

interface Found { hashes: string[]; below: number | null }

const COUNT = 25
/** Pages of an account's transactions that one press looks through. */
const PAGES = 4

/** Transactions of an account that may have started withdrawals, the newest first. */
async function search(address: string, from: number, signal: AbortSignal): Promise<Found> {
  const hashes: string[] = []
  let before = from
  for (let page = 0; page < PAGES; page += 1) {
    const { txs, lastPage } = await node.transactionsBefore(address, before, COUNT, signal)
    hashes.push(...txs.filter(({ to, from: by }) => mayWithdraw(to) && by.toLowerCase() === address).map(({ hash }) => hash))
    if (lastPage || txs.length === 0) return { hashes, below: null }
    before = Math.min(...txs.map(({ blockNumber }) => Number(blockNumber ?? 0)))
    if (hashes.length > 0) break
  }
  return { hashes, below: before }
}

/** What an account has withdrawn, page by page. */
export function WithdrawalsBy({ address }: { address: string }): JSX.Element {
  const [path, setPath] = useState<number[]>([0])
  const from = path[path.length - 1] ?? 0
  const query = useQuery(`withdrawals ${address} ${from}`, (signal) => search(address, from, signal), {
    keep: true, version: from === 0 ? stagesVersion.value : '',
  })
  return (
    <Loaded query={query} what="the withdrawals">
      {({ hashes, below }) => (
        <>
          {hashes.length === 0
            ? <p class="empty">{below === null && path.length === 1 ? 'This account has started no withdrawal that is on L1.' : 'There is none among these transactions.'}</p>
            : hashes.map((hash) => <WithdrawalsOf key={hash} hash={hash} />)}
          {(path.length > 1 || below !== null) && (
            <div class="pager">
              <button type="button" class="button" disabled={path.length === 1} onClick={() => setPath([0])}>Newest</button>
              <button type="button" class="button" disabled={below === null || query.loading}
                onClick={() => { if (below !== null) setPath([...path, below]) }}>Look further back</button>
            </div>
          )}
        </>
      )}
    </Loaded>
  )
}
