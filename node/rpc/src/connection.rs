//! A connection and its bytes: what was read of a message that is not whole yet, and what was answered but not taken.
//!
//! The server hands answers to a queue and forgets them; only here can be seen when they have left. Each takes its budget
//! along until then.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

use super::{
    RpcError,
    budget::{Budget, Scope},
    peers::{Peer, Seat},
};

/// Most requests of a WebSocket that are worked on or whose answers wait for the client. The next ones are not read before.
const MAX_IN_FLIGHT: usize = 128;

/// How long a client may take nothing of what waits for it, or send nothing of a message that it has begun.
const STALL: Duration = Duration::from_secs(30);

/// Bytes that have to move in that time.
const LEAST_MOVE: usize = 64 << 10;

/// Bytes of a message that come with any connection.
const FREE_INPUT: usize = 64 << 10;

/// Most bytes that are read without a message that is whole.
const MAX_INPUT: usize = 16 << 20;

/// What a message is held for.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) budget: Arc<Budget>,
    /// Of a WebSocket, where many may be under way.
    connection: Option<Arc<Connection>>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.end_message();
        }
    }
}

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: Arc<Peer>,
    /// What was read of a message that is not whole yet.
    input: Budget,
    flow: Mutex<Flow>,
    _place: Seat,
}

#[derive(Debug, Default)]
struct Flow {
    /// Bytes read since the last message was whole.
    unread: usize,
    /// Bytes that have left.
    written: u64,
    /// Bytes up to the end of the last answer.
    handed: u64,
    /// Answers that have not left, by where they end.
    unsent: VecDeque<(u64, Exchange)>,
    in_flight: usize,
    reader: Option<Waker>,
    /// Why the rest of a message is not read.
    refused: Option<RpcError>,
    is_closed: bool,
}

impl Connection {
    /// A new connection of a client.
    pub(crate) fn new(peer: Arc<Peer>, place: Seat) -> Arc<Self> {
        let input = peer.budget.within(Scope::Message, MAX_INPUT);
        Arc::new(Self { peer, input, flow: Mutex::default(), _place: place })
    }

    /// A message has been read. It takes over what its bytes take.
    pub(crate) fn begin(self: &Arc<Self>, limit: usize, is_socket: bool) -> (Exchange, usize) {
        let mut flow = self.flow.lock();
        let size = std::mem::take(&mut flow.unread);
        flow.in_flight += usize::from(is_socket);
        drop(flow);
        self.input.settle(0);
        let budget = Arc::new(self.peer.budget.within(Scope::Message, limit));
        (Exchange { budget, connection: is_socket.then(|| self.clone()) }, size)
    }

    /// Takes room for a notification of so many bytes.
    pub(crate) fn notify(&self, size: usize) -> Result<Exchange, RpcError> {
        let budget = Arc::new(self.peer.budget.within(Scope::Message, usize::MAX));
        budget.take(size)?;
        Ok(Exchange { budget, connection: None })
    }

    /// Another request follows over HTTP: all before it were whole.
    pub(crate) fn begin_request(&self) {
        let mut flow = self.flow.lock();
        flow.unread = 0;
        flow.refused = None;
    }

    /// Why the request was not read to its end, if a limit is the reason: the server calls that an internal error.
    pub(crate) fn refused(&self) -> Option<RpcError> {
        self.flow.lock().refused.take()
    }

    fn end_message(&self) {
        let mut flow = self.flow.lock();
        flow.in_flight = flow.in_flight.saturating_sub(1);
        if let Some(reader) = flow.reader.take() {
            reader.wake();
        }
    }

    /// Holds what belongs to an answer of so many bytes until it has left.
    pub(crate) fn hand_over(&self, message: Exchange, size: usize) {
        let mut flow = self.flow.lock();
        // Otherwise frames and their heads would count as answers for ever.
        if flow.unsent.is_empty() {
            flow.handed = flow.written;
        }
        flow.handed += size as u64;
        let end = flow.handed;
        // Dropped outside of the lock, which that takes.
        let over = if flow.is_closed {
            Some(message)
        } else {
            flow.unsent.push_back((end, message));
            None
        };
        drop(flow);
        drop(over);
    }

    fn read(&self, bytes: usize) -> io::Result<()> {
        let mut flow = self.flow.lock();
        flow.unread += bytes;
        if flow.unread <= FREE_INPUT {
            return Ok(());
        }
        drop(flow);
        self.input.take(bytes).map_err(|error| {
            self.flow.lock().refused = Some(error.clone());
            io::Error::other(error)
        })
    }

    fn wrote(&self, bytes: usize) {
        let mut gone = Vec::new();
        let mut flow = self.flow.lock();
        flow.written += bytes as u64;
        while flow.unsent.front().is_some_and(|(end, _)| *end <= flow.written) {
            gone.extend(flow.unsent.pop_front());
        }
        drop(flow);
        drop(gone);
    }

    fn close(&self) {
        let mut flow = self.flow.lock();
        flow.is_closed = true;
        let unsent = std::mem::take(&mut flow.unsent);
        drop(flow);
        drop(unsent);
    }

    /// Whether the next message is to be read; the waker is called when it is.
    fn poll_room(&self, context: &Context<'_>) -> Poll<()> {
        let mut flow = self.flow.lock();
        if flow.in_flight < MAX_IN_FLIGHT {
            return Poll::Ready(());
        }
        flow.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

/// The bytes of a connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    connection: Arc<Connection>,
    reading: Stall,
    writing: Stall,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self { stream, connection, reading: Stall::default(), writing: Stall::default() }
    }

    fn wrote(
        &mut self,
        result: Poll<io::Result<usize>>,
        all: usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.connection.wrote(bytes);
                self.writing.moved(bytes, bytes == all);
                Poll::Ready(Ok(bytes))
            }
            Poll::Pending => self.writing.poll(context).map(Err),
            failed => failed,
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.connection.close();
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.connection.poll_room(context).is_pending() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().len() - before;
                self.reading.moved(bytes, false);
                Poll::Ready(self.connection.read(bytes))
            }
            // Who has begun a long message has to go on with it.
            Poll::Pending if self.connection.flow.lock().unread > FREE_INPUT => {
                self.reading.poll(context).map(Err)
            }
            Poll::Pending => {
                self.reading = Stall::default();
                Poll::Pending
            }
            failed => failed,
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(result, bytes.len(), context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        let all = parts.iter().map(|part| part.len()).sum();
        self.wrote(result, all, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Ends what does not move.
#[derive(Debug, Default)]
pub struct Stall {
    /// Since something waits; what has moved in the meantime.
    waiting: Option<Pin<Box<Sleep>>>,
    bytes: usize,
}

impl Stall {
    /// Bytes were moved; all that waits, or not.
    pub fn moved(&mut self, bytes: usize, is_all: bool) {
        self.bytes += bytes;
        if is_all {
            self.waiting = None;
        }
    }

    /// Something waits. Ready with an error if too little has moved for too long.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let waiting = self.waiting.get_or_insert_with(|| {
                self.bytes = 0;
                Box::pin(sleep_until(Instant::now() + STALL))
            });
            if waiting.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if self.bytes < LEAST_MOVE {
                let text =
                    format!("the client moved {} bytes in {STALL:?}, expected {LEAST_MOVE}", self.bytes);
                return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            self.waiting = None;
        }
    }
}
