//! The one request that carries a blob.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use hyper::Method;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::Registry;
use super::answer::Answer;
use super::body::Signal;
use super::exchange::{client, collect, lost, request};
use super::retry::{Task, Trouble};
use crate::net::{self, Body};
use crate::time;

/// A registry may need this much longer to answer for a blob, a byte, than to answer at all: it hashes and moves it.
const SETTLING: u64 = 10_000_000;

/// However slowly it moves, one blob does not take longer than a job on GitHub may.
const WHOLE: Duration = Duration::from_secs(6 * 3600);

/// Where a blob goes, and how much of it went.
pub(super) struct Target<'a> {
    pub url: &'a str,
    pub size: u64,
    pub sent: Arc<AtomicU64>,
}

/// A blob's request on its way.
pub(super) struct Sending {
    running: JoinHandle<()>,
    signals: UnboundedReceiver<Signal>,
    sent: Arc<AtomicU64>,
    size: u64,
    stall: Duration,
    began: Instant,
    /// Ends the body with an error, so that the registry never has the whole blob.
    give_up: Box<dyn Fn()>,
}

impl Registry {
    /// Starts it. `body` is made with what its pieces come back by.
    pub(super) fn send(
        &self,
        task: &Task<'_>,
        to: &Target<'_>,
        body: impl FnOnce(UnboundedSender<Signal>) -> Body,
        give_up: Box<dyn Fn()>,
    ) -> Result<Sending, Trouble> {
        let (back, signals) = unbounded_channel();
        let authorization = self.authorization(task, to.url)?;
        let mut request = request(&Method::PUT, to.url, authorization.as_deref(), body(back.clone()))?;
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(to.size));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let client = client(request.uri())?;
        let running = net::runtime().spawn(net::boxed(async move {
            let exchange = async {
                let (parts, body) = client.request(request).await.map_err(|error| lost(&error))?.into_parts();
                let body = collect(body, 64 * 1024).await?;
                Ok(Answer { status: parts.status, headers: parts.headers, body, authorization })
            };
            drop(back.send(Signal::Ended(exchange.await)));
        }));
        let (sent, size) = (Arc::clone(&to.sent), to.size);
        Ok(Sending { running, signals, sent, size, stall: self.stall, began: time::instant(), give_up })
    }
}

impl Sending {
    /// A buffer to fill, or the request's end where it comes before the last piece.
    pub(super) fn buffer(&mut self, task: &Task<'_>) -> Result<Result<Box<[u8]>, Answer>, Trouble> {
        match self.wait(task, self.stall)? {
            Signal::Free(buffer) => Ok(Ok(buffer)),
            Signal::Ended(Err(trouble)) => Err(trouble),
            Signal::Ended(Ok(answer)) if answer.status.is_success() => Err(early(&answer)),
            Signal::Ended(Ok(answer)) => Ok(Err(answer)),
        }
    }

    /// The end of a request that has all of its pieces, or fetches them itself.
    pub(super) fn end(&mut self, task: &Task<'_>) -> Result<Answer, Trouble> {
        let settling = Duration::from_secs(self.size / SETTLING);
        loop {
            match self.wait(task, self.stall + settling)? {
                Signal::Free(_) => {}
                Signal::Ended(result) => return result,
            }
        }
    }

    fn wait(&mut self, task: &Task<'_>, limit: Duration) -> Result<Signal, Trouble> {
        let mut sent = self.sent.load(Ordering::Relaxed);
        let mut moved = time::instant();
        loop {
            if let Some(signal) = net::wait(time::within(time::look(), self.signals.recv())) {
                return signal.ok_or_else(|| Trouble::Lost("the request ended without a word".to_owned()));
            }
            if task.is_over() {
                return Err(Trouble::Over);
            }
            let now = self.sent.load(Ordering::Relaxed);
            if now != sent {
                (sent, moved) = (now, time::instant());
            }
            if time::since(moved) > limit {
                return Err(Trouble::Lost(format!("nothing moved for {} s", limit.as_secs())));
            }
            if time::since(self.began) > WHOLE {
                return Err(Trouble::Fatal(anyhow!("it was still under way after {} hours", WHOLE.as_secs() / 3600)));
            }
        }
    }
}

impl Drop for Sending {
    /// Whatever has not been sent by now never is: the connection is cut where the blob is not complete.
    fn drop(&mut self) {
        (self.give_up)();
        self.running.abort();
    }
}

pub(super) fn early(answer: &Answer) -> Trouble {
    Trouble::Lost(format!("the registry answered {} before it had the blob", answer.status))
}
