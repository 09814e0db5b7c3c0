//! A file over HTTPS into a folder, hashed as it comes.

use std::fmt;
use std::future::Future;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::{LOCATION, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri};

use crate::digest::Hasher;
use crate::event::{Event, Events};
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::net;
use crate::partial::PartialFile;
use crate::time::Backoff;

/// GitHub sends a release's archive to another host; more than a few hops are a circle.
const REDIRECTS: usize = 5;
/// No archive is nearly as large.
const LARGEST: u64 = 1 << 30;
const TICK: Duration = Duration::from_millis(100);

/// How long a download is waited for.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// Between two pieces, and for the answer's beginning.
    pub stall: Duration,
    /// For one attempt.
    pub total: Duration,
    pub backoff: Backoff,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            stall: Duration::from_secs(30),
            total: Duration::from_secs(900),
            backoff: Backoff {
                attempts: 4,
                first: Duration::from_secs(1),
                asked: Duration::from_secs(60),
                ..Backoff::default()
            },
        }
    }
}

/// One thing to be fetched; `what` is its name in messages.
pub(super) struct Download<'a> {
    pub what: &'a str,
    pub patience: Patience,
    pub events: &'a Events,
    pub interrupt: &'a Interrupt,
}

/// A file that is gone with this value, and its SHA-256 in hexadecimal digits.
#[derive(Debug)]
pub(super) struct Fetched {
    pub file: PartialFile,
    pub sha256: String,
}

/// Why an attempt failed.
enum Miss {
    /// Another attempt may do, after this long where the server says so.
    Again(anyhow::Error, Option<Duration>),
    Over(anyhow::Error),
    /// The server has no such file.
    Absent,
    Interrupted,
}

impl Download<'_> {
    /// Fetches `url`, following redirects, into a temporary file in `folder`.
    pub(super) fn to_file(&self, url: &str, folder: &Path) -> Result<Fetched> {
        let absent = || {
            self.failed(
                url,
                anyhow!("the server answered 404 Not Found").context("there is no such release or archive"),
            )
        };
        self.to_file_if_there(url, folder)?.ok_or_else(absent)
    }

    /// [`Self::to_file`], and `None` where the server says that there is no such file.
    pub(super) fn to_file_if_there(&self, url: &str, folder: &Path) -> Result<Option<Fetched>> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let (error, asked) = match net::wait(self.attempt(url, folder)) {
                Ok(fetched) => return Ok(Some(fetched)),
                Err(Miss::Absent) => return Ok(None),
                Err(Miss::Interrupted) => return Err(self.interrupted()),
                Err(Miss::Over(error)) => return Err(self.failed(url, error)),
                Err(Miss::Again(error, asked)) => (error, asked),
            };
            let Some(pause) = self.patience.backoff.pause(attempt, asked) else {
                return Err(self.failed(url, error));
            };
            self.events.emit(Event::Retrying {
                what: format!("fetching {}", self.what),
                error: format!("{error:#}"),
                attempt,
                seconds: pause.as_secs_f64(),
            });
            if self.interrupt.wait(pause) {
                return Err(self.interrupted());
            }
        }
    }

    fn failed(&self, url: &str, error: anyhow::Error) -> Failure {
        Failure::from(error).during(format_args!("could not fetch {} from {url}", self.what))
    }

    fn interrupted(&self) -> Failure {
        Failure::interrupted(format_args!("interrupted while {} was fetched; nothing was done", self.what))
    }

    async fn attempt(&self, url: &str, folder: &Path) -> Result<Fetched, Miss> {
        let end = Instant::now() + self.patience.total;
        let mut address = check_address(url)?;
        for _ in 0..=REDIRECTS {
            let response = self.ask(&address).await?;
            match response.status() {
                StatusCode::OK => return self.receive(response, folder, end).await,
                status if status.is_redirection() => address = next(&address, &response)?,
                status => return Err(refusal(status, &response)),
            }
        }
        Err(Miss::Over(anyhow!("it was sent on more than {REDIRECTS} times")))
    }

    async fn ask(&self, address: &Uri) -> Result<Response<Incoming>, Miss> {
        let body = Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync();
        let request = Request::get(address).header(USER_AGENT, "xtask-ecs").body(body);
        let request = request.map_err(|error| Miss::Over(error.into()))?;
        let client = net::client().context("no HTTP client").map_err(Miss::Over)?;
        let answer = self.watched(client.request(request)).await?;
        answer.map_err(|error| Miss::Again(anyhow::Error::new(error).context("the server cannot be reached"), None))
    }

    async fn receive(&self, response: Response<Incoming>, folder: &Path, end: Instant) -> Result<Fetched, Miss> {
        let local = |error: std::io::Error| {
            Miss::Over(anyhow::Error::new(error).context(format!("failed to write into {}", folder.display())))
        };
        let mut file = PartialFile::create_in(folder, ".fetching-", 0o600).map_err(local)?;
        let mut hasher = Hasher::new();
        let mut received = 0_u64;
        let mut body = response.into_body();
        while let Some(frame) = self.watched(body.frame()).await? {
            let broke = |error| {
                Miss::Again(anyhow::Error::new(error).context(format!("it broke off after {received} bytes")), None)
            };
            let Ok(data) = frame.map_err(broke)?.into_data() else { continue };
            received += data.len() as u64;
            if received > LARGEST {
                return Err(Miss::Over(anyhow!("it is larger than {LARGEST} bytes")));
            }
            if Instant::now() > end {
                let total = self.patience.total.as_secs();
                return Err(Miss::Over(anyhow!("it took longer than {total} s, {received} bytes in")));
            }
            hasher.update(&data);
            file.write_all(&data).map_err(local)?;
        }
        Ok(Fetched { file, sha256: hasher.finish().hex().to_owned() })
    }

    /// Waits for one step of an exchange, at most as long as a stall may last.
    async fn watched<F: Future>(&self, step: F) -> Result<F::Output, Miss> {
        let mut step = std::pin::pin!(step);
        let deadline = Instant::now() + self.patience.stall;
        loop {
            if let Ok(done) = tokio::time::timeout(TICK.min(self.patience.stall), step.as_mut()).await {
                return Ok(done);
            }
            if self.interrupt.is_set() {
                return Err(Miss::Interrupted);
            }
            if Instant::now() >= deadline {
                let stall = Seconds(self.patience.stall);
                return Err(Miss::Again(anyhow!("nothing came for {stall}"), None));
            }
        }
    }
}

/// Nothing is fetched in the clear but from this machine itself.
fn check_address(text: &str) -> Result<Uri, Miss> {
    let uri: Uri = text.parse().map_err(|_| Miss::Over(anyhow!("`{text}` is not an address")))?;
    let loopback = uri.host().is_some_and(net::is_loopback);
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if loopback => Ok(uri),
        _ => Err(Miss::Over(anyhow!("`{text}` does not begin with https://"))),
    }
}

fn next(from: &Uri, response: &Response<Incoming>) -> Result<Uri, Miss> {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let location = location.ok_or_else(|| Miss::Over(anyhow!("it was sent on without saying where")))?;
    if location.starts_with('/') && !location.starts_with("//") {
        let (scheme, host) = (from.scheme_str().unwrap_or("https"), from.authority().map_or("", |host| host.as_str()));
        return check_address(&format!("{scheme}://{host}{location}"));
    }
    check_address(location)
}

fn refusal(status: StatusCode, response: &Response<Incoming>) -> Miss {
    let wanted = net::retry_after(response.headers());
    let error = anyhow!("the server answered {status}");
    match status {
        StatusCode::TOO_MANY_REQUESTS => Miss::Again(error, wanted),
        status if status.is_server_error() => Miss::Again(error, wanted),
        StatusCode::NOT_FOUND => Miss::Absent,
        _ => Miss::Over(error),
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}
