//! Answers that nobody takes: what they hold, and for how long.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use ::rpc::Stall;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
    task::JoinHandle,
    time::sleep,
};

/// Bytes that are given to a connection at a time. What it was given counts as taken: the rest waits here, with its place.
const PIECE: usize = 16 << 10;

/// How long an answer may take to be taken, which at its longest (4 MB) is a slow line's time.
const TAKE: Duration = Duration::from_secs(30);

/// Ends the connection that a request came over.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut(Arc<Notify>);

impl Cut {
    /// Waits until it is to end.
    pub(super) async fn ended(&self) {
        self.0.notified().await;
    }

    /// Ends it after some time, unless what is returned is dropped before.
    fn after(&self, time: Duration) -> Timer {
        let end = self.0.clone();
        Timer(tokio::spawn(async move {
            sleep(time).await;
            end.notify_one();
        }))
    }
}

struct Timer(JoinHandle<()>);

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The body of an answer, in small pieces. It holds a place until it is taken or dropped.
struct HeldBody<P> {
    body: Body,
    /// What is left of the body's last piece.
    rest: Bytes,
    _place: P,
    _timer: Option<Timer>,
}

/// A body that holds a place until it is taken or dropped, for any time.
pub(super) fn hold<P: Send + Unpin + 'static>(body: Body, place: P) -> Body {
    Body::new(HeldBody { body, rest: Bytes::new(), _place: place, _timer: None })
}

/// The same for an answer that has to be taken soon: otherwise its connection ends.
pub(super) fn hold_for_a_while<P: Send + Unpin + 'static>(body: Body, place: P, cut: Option<Cut>) -> Body {
    hold_for(TAKE, body, place, cut)
}

fn hold_for<P: Send + Unpin + 'static>(time: Duration, body: Body, place: P, cut: Option<Cut>) -> Body {
    let timer = cut.filter(|_| !body.is_end_stream()).map(|cut| cut.after(time));
    Body::new(HeldBody { body, rest: Bytes::new(), _place: place, _timer: timer })
}

impl<P: Unpin> HttpBody for HeldBody<P> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                end => return Poll::Ready(end),
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

/// The bytes of a connection, which ends when nobody takes what is sent.
#[derive(Debug)]
pub(super) struct TakenStream {
    stream: TcpStream,
    writing: Stall,
}

impl TakenStream {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, writing: Stall::default() }
    }

    fn wrote(
        &mut self,
        result: Poll<io::Result<usize>>,
        all: usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.writing.moved(bytes, bytes == all);
                Poll::Ready(Ok(bytes))
            }
            Poll::Pending => self.writing.poll(context).map(Err),
            failed => failed,
        }
    }
}

impl AsyncRead for TakenStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for TakenStream {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::{Router, extract::Request, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        sync::Semaphore,
        time::timeout,
    };

    use super::*;
    use crate::page::connections;

    /// More than the buffers on the way hold.
    const LONG: usize = 32 << 20;

    /// The time for an answer here, and by when what has to come has come. A connection that stands still ends later by itself.
    const SHORTLY: Duration = Duration::from_millis(100);
    const SOON: Duration = Duration::from_secs(20);

    /// A server of one long answer at a time; its places, and a connection on which the answer was asked for.
    async fn asked() -> (rollup::shutdown::Stop, Arc<Semaphore>, TcpStream) {
        let places = Arc::new(Semaphore::new(1));
        let of_answers = places.clone();
        let answer = move |request: Request| async move {
            let place = of_answers.try_acquire_owned().unwrap();
            let cut = request.extensions().get::<Cut>().cloned();
            hold_for(SHORTLY, Body::from(vec![7; LONG]), place, cut)
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stop, shutdown) = rollup::shutdown::channel();
        let router = Router::new().route("/", get(answer));
        tokio::spawn(connections::serve(listener, router, |address| address, shutdown));
        client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        client.read_exact(&mut [0; 64]).await.unwrap();
        (stop, places, client)
    }

    #[tokio::test]
    async fn who_takes_nothing_of_an_answer_loses_it_and_its_place() {
        let (_stop, places, _client) = asked().await;
        timeout(SOON, places.acquire()).await.unwrap().unwrap().forget();
    }

    #[tokio::test]
    async fn who_takes_an_answer_slowly_has_no_longer_than_others() {
        let (_stop, places, mut client) = asked().await;
        let slowly = async move {
            while client.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::spawn(slowly);
        timeout(SOON, places.acquire()).await.unwrap().unwrap().forget();
    }
}
