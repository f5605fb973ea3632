//! How many bytes of an upload are through, counted as they are handed to the connection.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

/// Bytes that are handed over at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Counts the bytes of one upload, over all its parts.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    done: AtomicU64,
    is_news: Notify,
}

impl Meter {
    /// So many more are through.
    pub(super) fn add(&self, bytes: u64) {
        self.0.done.fetch_add(bytes, Ordering::Relaxed);
        self.0.is_news.notify_one();
    }

    /// What one request adds.
    pub(super) fn attempt(&self) -> Attempt {
        Attempt { meter: self.clone(), counted: Arc::default() }
    }

    /// Does the work, and tells meanwhile how far it is.
    pub(super) async fn told<T>(&self, work: impl Future<Output = T>, tell: impl Fn(u64)) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.0.is_news.notified() => tell(self.0.done.load(Ordering::Relaxed)),
            }
        }
    }
}

/// The bytes of one request.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    meter: Meter,
    counted: Arc<AtomicU64>,
}

impl Attempt {
    fn add(&self, bytes: u64) {
        self.counted.fetch_add(bytes, Ordering::Relaxed);
        self.meter.add(bytes);
    }

    /// The request has failed: none of it is through.
    pub(super) fn take_back(&self) {
        self.meter.0.done.fetch_sub(self.counted.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        self.meter.0.is_news.notify_one();
    }
}

/// The body of a request of known length, which storage asks for.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) left: Bytes,
    pub(super) attempt: Attempt,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let at = self.left.len().min(PIECE_BYTES);
        let piece = self.left.split_to(at);
        self.attempt.add(piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Duration};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Takes one request, slowly; its head, and how long its body was.
    async fn storage(listener: TcpListener) -> (String, usize) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut taken, mut buffer) = (Vec::new(), vec![0; PIECE_BYTES]);
        loop {
            let count = stream.read(&mut buffer).await.unwrap();
            taken.extend_from_slice(&buffer[..count]);
            let Some(end) = taken.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = String::from_utf8(taken[..end].to_vec()).unwrap().to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if length.is_none_or(|length| taken.len() >= end + 4 + length) {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                return (head, taken.len() - end - 4);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    #[tokio::test]
    async fn it_is_told_within_a_request_and_the_length_is_known() {
        const BYTES: usize = 12 << 20;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (meter, told) = (Meter::default(), Mutex::new(Vec::new()));
        let counted = Counted { left: vec![7; BYTES].into(), attempt: meter.attempt() };
        let attempt = counted.attempt.clone();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let put = client.put(url).body(reqwest::Body::wrap(counted)).send();
        let upload = async { tokio::join!(put, storage(listener)) };
        let (answer, (head, taken)) = meter.told(upload, |done| told.lock().unwrap().push(done)).await;
        assert!(answer.unwrap().status().is_success());
        assert_eq!(taken, BYTES);
        assert!(head.contains(&format!("content-length: {BYTES}")), "{head}");
        let told = told.into_inner().unwrap();
        let within = told.iter().filter(|done| (1..BYTES as u64).contains(*done)).count();
        assert!(within >= 3 && told.is_sorted(), "{told:?}");
        attempt.take_back();
        assert_eq!(meter.0.done.load(Ordering::Relaxed), 0, "what has failed is not through");
    }
}
