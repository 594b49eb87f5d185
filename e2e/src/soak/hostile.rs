//! Traffic of a hostile hour: beside users whose transactions get into blocks whatever happens, those who want a node's memory
//! or its time.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, Bytes, U256, hex},
    providers::{Provider, ProviderBuilder, RootProvider, WsConnect},
    rpc::types::Header,
};
use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt, stream::BoxStream};
use stf::rules::TRANSACTION_GAS_CAP;

use super::{
    count,
    sender::SteadySender,
    tracing::{Traced, trace},
    traffic::{Endpoints, Repeated, Traffic, create, storage},
};
use crate::{
    attacks::{self, Idlers},
    net::user,
};

/// Time between two attacks on a node.
const ATTACKS: Duration = Duration::from_secs(2);
/// Longest that an attack may take: a batch may take half a minute, and waits for its turn.
const ATTACK: Duration = Duration::from_secs(120);
/// How long connections stay that read nothing, or begin what they do not end: longer than a node bears that.
const IDLE: Duration = Duration::from_secs(75);
/// Connections of each kind that read nothing.
const IDLERS: usize = 8;
/// Subscriptions of each kind on a connection that reads none of them.
const SUBSCRIPTIONS: usize = 32;
/// Blocks before the newest that are traced.
const TRACED: u64 = 40;
/// Time between two hostile transactions, each with the most gas that one may ask for.
const BURNS: Duration = Duration::from_secs(15);
/// Gas of a call that writes forty slots.
const WRITE: u64 = 1_500_000;
/// Heads that may wait to be looked at.
const HEADS: usize = 4096;
/// How long everything that was sent may take to be in a block, when traffic has ended.
const LAST: Duration = Duration::from_secs(120);

/// Contracts that use up all gas that they get: by keccak256 of 32 KiB, and by giving a hundred kilobytes to a precompile that
/// returns them, more than a trace may hold.
const BURNERS: [&[u8]; 2] =
    [&hex!("5b 618000 5f 20 50 5f 56"), &hex!("5b 5f 5f 620186a0 5f 6004 5a fa 50 5f 56")];

/// Code that creates a contract with this code.
fn creation(code: &[u8]) -> Bytes {
    // Copies what follows on these nine bytes, and returns it.
    [&hex!("60")[..], &[code.len() as u8], &hex!("80 6009 5f 39 5f f3"), code].concat().into()
}

impl Traffic {
    /// All kinds at once, those of users and those of attackers. Ends when it is stopped, and all that was sent is in blocks.
    pub async fn run_hostile(&self, endpoints: &Endpoints) -> Result<()> {
        let Endpoints { rollup, sequencer, replicas, sockets, addresses, .. } = endpoints;
        let chain_id = rollup.chain.chain_id;
        let (seconds, millis) = (Duration::from_secs, Duration::from_millis);
        let http = sockets[0].replacen("ws", "http", 1);
        let heavy = storage(&http).await?;
        let burner = ProviderBuilder::new().wallet(user(8)?).connect_http(http.parse()?).erased();
        let mut burners = Vec::new();
        for code in BURNERS {
            burners.push(create(&burner, creation(code)).await?);
        }
        let replica = replicas.first().context("no replica")?;
        let mut senders = Vec::new();
        for index in [2, 3, 7, 0, 8] {
            senders.push(SteadySender::new(user(index)?, chain_id));
        }
        let [direct, forwarded, synchronous, writer, burning] = senders.as_slice() else {
            bail!("five senders are expected");
        };
        let target = Address::repeat_byte(0x51);
        let (round, burnt) = (Cell::new(0u64), Cell::new(0));

        let mut all: Vec<Repeated<'_>> = vec![
            Box::pin(self.repeat("transfers", millis(150), async || {
                direct.send(sequencer, target, Bytes::new(), 21_000).await
            })),
            Box::pin(self.repeat("transfers by a replica", millis(500), async || {
                forwarded.send(replica, target, Bytes::new(), 21_000).await
            })),
            Box::pin(self.repeat("synchronous transfers", millis(700), async || {
                synchronous.send_sync(sequencer, target).await
            })),
            Box::pin(self.repeat("storage writes", seconds(1), async || {
                let at = U256::from(round.replace(round.get() + 1) * 40);
                let call = heavy.write(at, U256::from(40), U256::ONE);
                writer.send(sequencer, *heavy.address(), call.calldata().clone(), WRITE).await
            })),
            Box::pin(self.repeat("hostile transactions", BURNS, async || {
                let to = burners[burnt.replace(burnt.get() + 1) % burners.len()];
                burning.send(sequencer, to, Bytes::from_static(&[0]), TRANSACTION_GAS_CAP).await
            })),
            Box::pin(self.repeat("receipts", millis(300), async || {
                for sender in &senders {
                    self.settle(sender, sequencer).await?;
                }
                Ok(())
            })),
        ];
        all.extend(self.usual(endpoints, &heavy));
        for (node, tracer) in [(sequencer, "callTracer"), (replica, "prestateTracer")] {
            all.push(Box::pin(self.trace(node, tracer)));
        }
        for socket in sockets {
            all.push(Box::pin(self.follow(socket)));
        }
        for address in addresses {
            all.push(Box::pin(self.attack(*address)));
            all.push(Box::pin(self.idle(*address)));
        }
        futures::future::try_join_all(all).await?;

        let deadline = Instant::now() + LAST;
        for sender in &senders {
            while sender.waiting() > 0 {
                let _ = self.settle(sender, sequencer).await;
                let waiting = sender.waiting();
                ensure!(Instant::now() < deadline, "{waiting} transactions of a sender get into no block");
                tokio::time::sleep(millis(100)).await;
            }
            self.count(count::RESENT, sender.resent());
        }
        Ok(())
    }

    async fn settle(&self, sender: &SteadySender, sequencer: &RootProvider) -> Result<()> {
        let settled = sender.settle(sequencer).await;
        self.announced(sender.take_announced());
        settled
    }

    /// Asks for traces of blocks that there are.
    async fn trace(&self, node: &RootProvider, tracer: &'static str) -> Result<()> {
        let round = Cell::new(0);
        self.repeat("traces of blocks", Duration::from_secs(1), async || {
            let before = round.replace(round.get() + 7) % TRACED;
            self.count(
                match trace(node, tracer, before).await? {
                    Traced::Right => count::TRACED,
                    Traced::Refused => count::TRACES_REFUSED,
                    Traced::Replaced => count::TRACES_REPLACED,
                },
                1,
            );
            Ok(())
        })
        .await
    }

    /// Follows `newHeads`, which may go back: each that comes counts, and one that leaves some out is a failure.
    async fn follow(&self, url: &str) -> Result<()> {
        let stream: RefCell<Option<BoxStream<'static, Header>>> = RefCell::default();
        let last = Cell::new(None::<u64>);
        self.repeat("newHeads", Duration::ZERO, async || {
            let taken = stream.take();
            let mut heads = match taken {
                Some(heads) => heads,
                None => {
                    last.set(None);
                    subscribe(url).await.with_context(|| format!("cannot subscribe at {url}"))?
                }
            };
            let head = heads.next().await.context("the subscription ended")?.number;
            stream.replace(Some(heads));
            let before = last.replace(Some(head)).unwrap_or(head);
            ensure!(head <= before + 1, "block {head} after {before}");
            if head < before {
                self.count(count::WENT_BACK, 1);
            }
            Ok(())
        })
        .await
    }

    /// Attacks a node in all ways, one after the other.
    async fn attack(&self, node: SocketAddr) -> Result<()> {
        let all = attacks::attacks();
        let round = Cell::new(0);
        self.repeat_within(ATTACK, "attacks", ATTACKS, async || {
            let attack = &all[round.replace(round.get() + 1) % all.len()];
            let answers = attacks::answers(node, attack).await?;
            self.count(count::ANSWERED, answers.answered);
            self.count(count::REFUSED, answers.refused);
            self.count(count::ENDED, answers.ended);
            Ok(())
        })
        .await
    }

    /// Has connections that read nothing, or do not end what they begin.
    async fn idle(&self, node: SocketAddr) -> Result<()> {
        let open: Cell<Option<[Idlers; 2]>> = Cell::default();
        self.repeat("idle connections", IDLE, async || {
            if let Some([idle, subscribed]) = open.take() {
                self.count(count::IDLE, idle.count() as u64);
                self.count(count::IDLE_ENDED, idle.end().await as u64);
                self.count(count::UNREAD, subscribed.count() as u64);
                self.count(count::UNREAD_ENDED, subscribed.end().await as u64);
            }
            let idle = Idlers::open(node, IDLERS, IDLERS).await?;
            open.set(Some([idle, Idlers::subscribe(node, IDLERS, SUBSCRIPTIONS).await?]));
            Ok(())
        })
        .await
    }
}

async fn subscribe(url: &str) -> Result<BoxStream<'static, Header>> {
    let provider = ProviderBuilder::new().connect_ws(WsConnect::new(url)).await?;
    let heads = provider.subscribe_blocks().channel_size(HEADS).await?.into_stream();
    // The connection lasts as long as its provider.
    Ok(heads
        .inspect(move |_| {
            let _ = &provider;
        })
        .boxed())
}
