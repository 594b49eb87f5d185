use std::time::Duration;

/// How an endpoint misbehaves. Each is what some real endpoint, or a gateway before one, has been seen to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not at all.
    None,
    /// Closes the connection without an answer; the request gets nowhere.
    Down,
    /// Passes the request on, and closes the connection: a transaction arrives, its sender does not know.
    LostAnswer,
    /// Takes the request, and never answers.
    Silent,
    /// Answers after this time.
    Delay(Duration),
    /// Answers 200 with what is not JSON.
    Garbage,
    /// Answers every call with `null`.
    Null,
    /// Answers with half of what it says that it will answer.
    Truncated,
    /// Answers without end.
    Endless,
    /// Answers with this HTTP status and a page of HTML. A 504 comes after the request was passed on, as from a gateway
    /// that has lost patience.
    Status(u16),
    /// Answers 429.
    TooManyRequests {
        /// Seconds in `Retry-After`, if it sends that.
        retry_after: Option<u64>,
        /// A JSON-RPC error as the body, not HTML.
        json: bool,
    },
    /// Answers 413 with HTML to requests longer than so many bytes.
    MaxBody(usize),
    /// Refuses JSON-RPC batches of more than so many calls; with zero, single calls too.
    MaxBatch(usize, BatchRefusal),
    /// Refuses logs of more than so many blocks, by a JSON-RPC error.
    MaxRange(u64),
    /// Answers 504 with HTML where logs of more than so many blocks are asked for: they take too long.
    RangeTimeout(u64),
    /// Closes the connection where logs of more than so many blocks are asked for.
    RangeDrop(u64),
    /// Leaves out all logs.
    NoLogs,
    /// Leaves out the logs of batches.
    SomeLogs,
    /// Changes a digit in the data of logs.
    ChangedLogs,
    /// Changes the payload of transactions.
    ChangedTransactions,
    /// Changes a digit in blobs.
    ChangedBlobs,
    /// Says that it is another chain, and fails otherwise.
    OtherChain,
    /// Is so many blocks behind, in all that it answers.
    Behind(u64),
    /// Is so many blocks behind where it is asked for its newest block, and up to date in all else: nodes behind one
    /// gateway.
    HeadBehind(u64),
    /// Has receipts only so many blocks after the transaction's own.
    LateReceipts(u64),
    /// The same, and until then the transaction counts as pending.
    LateTransactions(u64),
    /// The same, and until then the transaction is not known.
    Late(u64),
    /// Says how many transactions an account has in blocks as of so many blocks ago.
    OldNonces(u64),
    /// Shows the newest so many blocks with hashes of its own: another fork.
    Fork(u64),
    /// Has no state of any block.
    NoCalls,
    /// Suggests this tip, in wei.
    Tip(u128),
    /// Does not know the tag `finalized`.
    NoFinalized,
    /// Has no state of blocks that it is asked for by number.
    Pruned,
}

/// How a JSON-RPC batch that is too large is refused. But for [`Fewer`](Self::Fewer), the words are
/// [`TOO_MANY_CALLS`](Self::TOO_MANY_CALLS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchRefusal {
    /// By one error, not in an array.
    Error,
    /// By an array of one error.
    List,
    /// By an error for each call.
    Each,
    /// By an error that is no JSON-RPC.
    OtherError,
    /// By answering the first calls only.
    Fewer,
    /// By the HTTP status 413, with an error.
    Status,
    /// By the HTTP status 413, with HTML.
    Page,
}

impl BatchRefusal {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Error, Self::List, Self::Each, Self::OtherError, Self::Fewer, Self::Status, Self::Page];

    /// What an endpoint says of too large a batch.
    pub const TOO_MANY_CALLS: &'static str = "batch item count exceeded";
}

/// A fault for a share of the requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chance {
    pub(super) fault: Fault,
    pub(super) share: f64,
}

impl Chance {
    /// From 0, for none, to 1, for all.
    pub fn of(fault: Fault, share: f64) -> Self {
        Self { fault, share: share.clamp(0.0, 1.0) }
    }

    /// The fault.
    pub const fn fault(&self) -> Fault {
        self.fault
    }
}

impl Fault {
    /// Its kind's name, without its numbers.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Down => "down",
            Self::LostAnswer => "lost answer",
            Self::Silent => "silent",
            Self::Delay(_) => "delay",
            Self::Garbage => "garbage",
            Self::Null => "null",
            Self::Truncated => "truncated",
            Self::Endless => "endless",
            Self::Status(500) => "500",
            Self::Status(502) => "502",
            Self::Status(503) => "503",
            Self::Status(504) => "504",
            Self::Status(_) => "status",
            Self::TooManyRequests { json: true, .. } => "429 with JSON",
            Self::TooManyRequests { json: false, .. } => "429 with HTML",
            Self::MaxBody(_) => "413",
            Self::MaxBatch(_, BatchRefusal::Error) => "batch limit by an error",
            Self::MaxBatch(_, BatchRefusal::List) => "batch limit by a list",
            Self::MaxBatch(_, BatchRefusal::Each) => "batch limit by errors",
            Self::MaxBatch(_, BatchRefusal::OtherError) => "batch limit by another error",
            Self::MaxBatch(_, BatchRefusal::Fewer) => "batch limit by fewer answers",
            Self::MaxBatch(_, BatchRefusal::Status) => "batch limit by 413",
            Self::MaxBatch(_, BatchRefusal::Page) => "batch limit by 413 with HTML",
            Self::MaxRange(_) => "range limit",
            Self::RangeTimeout(_) => "range timeout",
            Self::RangeDrop(_) => "range drop",
            Self::NoLogs => "no logs",
            Self::SomeLogs => "some logs",
            Self::ChangedLogs => "changed logs",
            Self::ChangedTransactions => "changed transactions",
            Self::ChangedBlobs => "changed blobs",
            Self::OtherChain => "other chain",
            Self::Behind(_) => "behind",
            Self::HeadBehind(_) => "head behind",
            Self::LateReceipts(_) => "late receipts",
            Self::LateTransactions(_) => "late transactions",
            Self::Late(_) => "late",
            Self::OldNonces(_) => "old nonces",
            Self::Pruned => "pruned",
            Self::Fork(_) => "fork",
            Self::NoCalls => "no calls",
            Self::Tip(_) => "tip",
            Self::NoFinalized => "no finalized",
        }
    }

    /// Whether it shows in the answer to a request of so many bytes, with calls of these methods.
    pub(super) fn concerns(&self, methods: &[&str], length: usize) -> bool {
        match *self {
            Self::None => false,
            Self::MaxBody(most) => length > most,
            Self::MaxBatch(most, _) => methods.len() > most,
            Self::MaxRange(_)
            | Self::RangeTimeout(_)
            | Self::RangeDrop(_)
            | Self::NoLogs
            | Self::SomeLogs
            | Self::ChangedLogs => methods.contains(&"eth_getLogs"),
            Self::ChangedTransactions => methods.contains(&"eth_getTransactionByHash"),
            Self::ChangedBlobs => methods.contains(&"recourse_blobOfBatch"),
            Self::LateReceipts(_) => methods.contains(&"eth_getTransactionReceipt"),
            Self::LateTransactions(_) | Self::Late(_) => {
                let late = ["eth_getTransactionReceipt", "eth_getTransactionByHash"];
                late.iter().any(|method| methods.contains(method))
            }
            Self::OldNonces(_) => methods.contains(&"eth_getTransactionCount"),
            Self::HeadBehind(_) => {
                let heads = ["eth_getBlockByNumber", "eth_blockNumber"];
                heads.iter().any(|method| methods.contains(method))
            }
            Self::Fork(_) => methods.iter().any(|method| method.starts_with("eth_getBlock")),
            Self::Tip(_) => methods.contains(&"eth_maxPriorityFeePerGas"),
            Self::NoCalls => methods.contains(&"eth_call"),
            Self::Pruned => methods.iter().any(|method| ["eth_call", "eth_getCode"].contains(method)),
            Self::NoFinalized => methods.contains(&"eth_getBlockByNumber"),
            _ => true,
        }
    }
}
