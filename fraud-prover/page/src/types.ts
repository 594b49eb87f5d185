// The page's API, as in API.md.

export type Truth = 'right' | 'wrong' | 'unknown'

export interface Overview {
  chainId: number            // of L2
  l1ChainId: number
  ready: boolean             // false while the replica catches up or no truth was computed yet: the page says "computing"
  heads: {
    unsafe: Head | null      // the sequencer's newest block; null without --l2-rpc, or while it does not answer
    safe: Head               // on L1, derived by this challenger
    finalized: Head | null   // on a final L1 block
    anchored: Head | null    // the newest output that L1 accepted: withdrawals up to there can be finalized; null until L1 has told it
  }
  l1: { number: number; hash: string; time: number; baseFee: string; blobBaseFee: string | null }
  batches: number            // batches on L1
  lastBatch: { index: number; time: number; blocks: number } | null
  sequencer: { batcher: string | null; p2p: string | null } // who may post batches; who signs confirmations
  games: { total: number; open: number; wrong: number; upheld: number; refuted: number } // wrong: of the open ones
  challenger: { account: string | null; balance: string | null; acts: boolean }
  health: Health[]           // what a person must know, the worst first; empty: all is well
  version: string
}
export interface Head { number: number; hash: string; time: number } // `time`: of the block
export interface Health { level: 'bad' | 'warning' | 'note'; text: string }

export interface Block {
  // transactions: all but the one that each block begins with
  number: number; hash: string; time: number; transactions: number; gasUsed: number; gasLimit: number; baseFee: string
  fees: string                     // paid by its transactions for execution, in wei: what data on L1 costs comes on top
  batch: number | null             // the batch that holds it
}

export interface Batch {
  index: number
  firstBlock: number; blocks: number; transactions: number // transactions: of users, without deposits
  kind: 'calldata' | 'blobs'
  bytes: number                    // of the payload
  raw: number                      // bytes of its blocks' transactions, unpacked
  l1Block: number; l1Transaction: string; time: number
  // What its L1 transaction paid; null while L1 has not been asked, or does not answer.
  cost: { gas: string; blobs: string; total: string; perTransaction: string | null } | null
  blobs: string[]                  // versioned hashes; only in the answer about one batch
}

export interface Certainty {
  hash: string; block: number; time: number
  stages: {
    // In an L2 block of the sequencer. `bond`: what it loses if the block does not become part of the chain, and `by` when.
    confirmed: { time: number; bond: string | null; by: number | null } | null
    onL1: { time: number; batch: number; l1Block: number; l1Transaction: string; blobs: string[] } | null
    // A proposal covers it that stands if nobody counters it.
    proposed: { time: number; game: string; index: number; truth: Truth; deadline: number | null } | null
    // L1 has accepted an output of this block or a later one, and it is what was computed here. When and by which game that was
    // decided, if one is known.
    anchored: { time: number | null; game: string | null } | null
  }
  // Withdrawals that it started.
  withdrawals: Withdrawal[]
  // The deposit that it is.
  deposit: { l1Transaction: string | null; l1Block: number; index: number } | null
}
export interface Withdrawal {
  hash: string; sender: string; target: string; value: string; nonce: string; gasLimit: string; data: string
  state: 'waits' | 'provable' | 'proven' | 'finalizable' | 'finalized'
  game: string | null              // the game to prove it with, or that it was proven with
  until: number | null             // when the next state comes, as far as that is known
  // Calls for a wallet on L1; null where nothing is to be done now.
  prove: { to: string; data: string } | null
  finalize: { to: string; data: string } | null
}

export interface GameSummary {
  index: number; address: string; proposer: string
  anchorBlock: number; block: number        // it says what block `block` is, starting from `anchorBlock`
  created: number; claims: number
  status: 'open' | 'upheld' | 'refuted' | 'reclaimed' | 'unreadable'
  ahead: 'proposal' | 'challengers' | null  // who wins if nobody moves any more; null once it is decided
  root: Truth                               // whether the proposal is right, with all its values
  computing: boolean                        // some judgement waits for the machine
  deadline: number | null                   // when the next clock runs out
  bonds: string                             // wei in bonds that are not distributed
  suspended: boolean
  error: string | null                      // why it is unreadable
}
export interface Game extends GameSummary {
  now: number                               // L1's time as of this answer
  batches: number                           // pinned batches
  parameters: { clock: number; extension: number; boundaryExtension: number; rootBond: string; leafBond: string; maxSteps: number }
  tree: Claim[]                             // the root first, each after what it attacks
  moves: NextMove[]
  credits: { account: string; amount: string }[] // what it owes
  paid: { account: string; amount: string }[]    // what it has paid out
  burned: string
}
export interface Claim {
  index: number; id: string; parent: number | null; segment: number; depth: number
  level: 'blocks' | 'steps'; block: number | null   // `block`: the one whose steps these are
  start: number; length: number                     // blocks or steps behind `start`
  agreed: { value: string; truth: Truth }
  parts: { start: number; end: number; value: string; truth: Truth }[]
  verdict: 'valid' | 'invalid' | 'poisoned' | 'unknown'  // poisoned: what it agrees with is wrong
  firstWrong: number | null                         // the first part whose value is wrong
  claimant: string; bond: string; created: number; elapsed: number
  // To attack it. It runs as long as the claim is open.
  clock: { left: number; ends: number; runs: boolean }
  status: 'open' | 'countered' | 'upheld' | 'refuted' | 'distributed' | 'reclaimed'
  counter: { segment: number; by: string; at: number; child: number | null } | null   // child null: a step
  children: number[]
}
// A move that is possible now.
export interface NextMove { claim: number; segment: number | null; what: string; who: 'challengers' | 'proposers' | 'anyone'; deadline: number | null }

export interface Step {
  block: number; step: number              // the step's number, from 1
  claimedBefore: string; computedBefore: string // state hashes before it
  claimed: string; computed: string        // and after it
  before: Registers; after: Registers
  pc: string; instruction: string; word: string
  reads: { address: string; value: string; register: string | null }[] // a register, or memory where `register` is null
  // What the program does there: it reads what the block is made of, executes deposits or a transaction of the block, or computes
  // roots. A transaction that the batch has and the block, because it is invalid, has not counts as the one behind it.
  phase: { kind: 'inputs' | 'deposits' | 'transaction' | 'seal'; transaction: string | null; place: number | null } | null
  source: { function: string | null; file: string | null; line: number | null } | null
  witness: { state: string; bytes: string; size: number }
  // To let L1 execute it: an eth_call. Its answer is the hash of the state after the step.
  verifier: { to: string; data: string }
}
export interface Registers { pc: string; x: string[] }

export interface Point { time: number; blocks: number; transactions: number; gas: number; fees: string }
export interface Activity { seconds: number; points: Point[] }
export interface Blocks { blocks: Block[]; next: number | null }
export interface Batches { batches: Batch[]; next: number | null }
export interface Games { games: GameSummary[]; next: number | null }

/** What a search has found. `transaction`: the L2 transaction that a withdrawal or deposit belongs to. */
export interface Match {
  kind: 'block' | 'transaction' | 'address' | 'batch' | 'withdrawal' | 'dispute' | 'deposit'
  id: string
  transaction: string | null
}

/** The sequencer's signed statement that the block of this number has this hash. */
export interface Statement {
  number: number; hash: string; messages: number
  signer: string; signature: string
  heard: number                             // when this challenger heard it
  state: 'pending' | 'kept' | 'broken'
  instead: string | null                    // the hash that the block has on L1, if it is another
}
export interface Confirmations {
  signer: string | null                     // who may sign
  listens: boolean                          // whether this challenger hears the sequencer at all
  bond: string | null                       // what stands behind a statement
  kept: number; pending: number; broken: number
  statements: Statement[]; next: number | null
}
