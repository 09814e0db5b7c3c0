//! What comes between a push and its registry: connections that are cut, answers that are others'.
//!
//! Each message is on its way for a time that the seed says, of the clock that is turned by hand: so one arrives after the
//! other, and in the same order whenever the seed is played.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use super::http::{Head, Message, body};
use super::world::{End, Fault, How};
use crate::digest::Digest;
use crate::interrupt::Interrupt;
use crate::time::turned::Turned;

/// How much later an answer is than those to what was asked after it.
const LATE: Duration = Duration::from_millis(500);

/// Below those that are handed out.
const PORT: u16 = 4683;

/// A loopback port before the registry's.
pub(super) struct Wire {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    registry: SocketAddr,
    clock: &'static Turned,
    lot: u64,
    faults: Vec<Fault>,
    end: Option<(u32, End)>,
    interrupt: Interrupt,
    requests: AtomicU32,
    /// The process is gone.
    cut: AtomicBool,
    over: AtomicBool,
    /// Nothing is wrong any more.
    calm: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How often each fault has met what it may strike.
    met: BTreeMap<(usize, String), u32>,
    /// How often each message was on its way.
    ways: BTreeMap<String, u32>,
    /// What each kind of request was answered last.
    old: BTreeMap<String, Vec<u8>>,
    open: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
}

impl Wire {
    /// Of the same lot is an address that nobody else has, and chance.
    pub(super) fn before(
        registry: SocketAddr,
        (clock, lot): (&'static Turned, u64),
        (faults, end): (&[Fault], Option<(u32, End)>),
        interrupt: &Interrupt,
    ) -> io::Result<Self> {
        let listener = listener(lot)?;
        let address = listener.local_addr()?;
        let (requests, cut, over, calm, state) = Default::default();
        let (faults, interrupt) = (faults.to_vec(), interrupt.clone());
        let shared =
            Arc::new(Shared { registry, clock, lot, faults, end, interrupt, requests, cut, over, calm, state });
        let own = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if own.over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&own);
                own.open(&client);
                // Whoever is cut off says no more.
                let serve = move || drop(serve(&shared, client));
                own.state().threads.push(std::thread::spawn(serve));
            }
        });
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// Whether the process is killed.
    pub(super) fn is_cut(&self) -> bool {
        self.shared.cut.load(Ordering::SeqCst)
    }

    /// How long a message is on its way.
    pub(super) fn way(&self, kind: &str, about: &str) -> Duration {
        self.shared.way(kind, about)
    }

    /// From now on nothing is wrong, and whoever was killed is started anew.
    pub(super) fn calm(&self) {
        self.shared.calm.store(true, Ordering::SeqCst);
        if self.is_cut() {
            // What was on its way from whoever was killed does not arrive.
            self.shared.join();
            self.shared.cut.store(false, Ordering::SeqCst);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.shared.cut();
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        self.shared.join();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for stream in std::mem::take(&mut self.state().open) {
            drop(stream.shutdown(Shutdown::Both));
        }
        self.clock.wake_all();
    }

    /// Has it end with the process, which may be gone already.
    fn open(&self, stream: &TcpStream) {
        self.state().open.extend(stream.try_clone());
        if self.is_cut() {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    fn join(&self) {
        let threads = std::mem::take(&mut self.state().threads);
        for thread in threads {
            drop(thread.join());
        }
    }

    fn way(&self, kind: &str, about: &str) -> Duration {
        let message = format!("{kind} {about}");
        let mut state = self.state();
        let count = state.ways.entry(message.clone()).or_default();
        *count += 1;
        let number = Digest::of(format!("{} {message} {count}", self.lot).as_bytes()).hex()[..8].to_owned();
        Duration::from_micros(1_000 + u64::from_str_radix(&number, 16).unwrap_or_default() % 30_000)
    }

    /// Lets so much time pass, or until the process is gone.
    fn pass(&self, time: Duration) {
        let until = self.clock.passed() + time;
        while !self.is_cut() && self.clock.passed() < until {
            self.clock.doze(until.saturating_sub(self.clock.passed()));
        }
    }

    /// Counts a request, and ends the process where its time has come.
    fn count(&self) {
        let count = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        match self.end.filter(|(after, _)| *after == count && !self.calm.load(Ordering::SeqCst)) {
            Some((_, End::Killed)) => {
                self.cut();
                self.interrupt.set();
            }
            Some((_, End::Interrupted)) => self.interrupt.set(),
            None => {}
        }
    }

    /// What befalls a request.
    fn strike(&self, head: &Head) -> Option<How> {
        let (call, about) = (head.call(), head.about());
        if self.calm.load(Ordering::SeqCst) {
            return None;
        }
        let mut struck = None;
        for (place, fault) in self.faults.iter().enumerate().filter(|(_, fault)| fault.call == call) {
            let number = Digest::of(format!("{about} {place}").as_bytes()).hex()[..8].to_owned();
            if !u64::from_str_radix(&number, 16).unwrap_or_default().is_multiple_of(fault.share) {
                continue;
            }
            let mut state = self.state();
            let met = state.met.entry((place, about.clone())).or_default();
            *met += 1;
            if (fault.nth..fault.nth.saturating_add(fault.count)).contains(met) {
                struck.get_or_insert(fault.how.clone());
            }
        }
        struck
    }
}

/// One connection of a client's.
fn serve(shared: &Shared, client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client.try_clone()?);
    let mut connection = Connection { shared, client, upstream: None };
    while let Some(head) = Head::read(&mut reader)? {
        shared.pass(shared.way(&head.call(), &format!("{} {}", head.repository(), head.about())));
        shared.count();
        if shared.is_cut() {
            return Ok(());
        }
        if !connection.answer(&mut reader, head)? {
            drop(connection.client.shutdown(Shutdown::Both));
            return Ok(());
        }
    }
    Ok(())
}

struct Connection<'a> {
    shared: &'a Shared,
    client: TcpStream,
    upstream: Option<BufReader<TcpStream>>,
}

impl Connection<'_> {
    /// False where the connection is cut.
    fn answer(&mut self, reader: &mut BufReader<TcpStream>, head: Head) -> io::Result<bool> {
        let (call, about, method) = (head.call(), head.about(), head.method().to_owned());
        let how = self.shared.strike(&head);
        match &how {
            Some(How::CutBefore) => return Ok(false),
            Some(How::CutWithin) => {
                let half = body(reader, head.length() / 2)?;
                let upstream = self.upstream()?;
                upstream.get_mut().write_all(&head.bytes())?;
                upstream.get_mut().write_all(&half)?;
                self.hang_up();
                return Ok(false);
            }
            Some(How::Early(status)) => {
                self.client.write_all(&said(*status, "EARLY", None).bytes())?;
                return Ok(false);
            }
            _ => {}
        }
        let request = Message { body: body(reader, head.length())?, head };
        let old = matches!(how, Some(How::Old)).then(|| self.shared.state().old.get(&call).cloned()).flatten();
        if let Some(old) = old {
            self.client.write_all(&old)?;
            return Ok(true);
        }
        let answer = match how {
            Some(How::Refused { status, code, wait }) => without_body(said(status, code, wait), &method),
            Some(How::Lie) => lie(&request, &call, &about),
            Some(How::Stalled) => {
                self.stand_still();
                return Ok(false);
            }
            Some(How::Spoiled) => {
                let mut request = request;
                let middle = request.body.len() / 2;
                request.body.get_mut(middle).into_iter().for_each(|byte| *byte ^= 1);
                self.ask(&request)?
            }
            Some(How::DoneTwice) => {
                self.ask(&request)?;
                self.ask(&request)?
            }
            _ => self.ask(&request)?,
        };
        let mut answer = answer;
        let mut bytes = answer.bytes();
        self.shared.state().old.insert(call, bytes.clone());
        match how {
            Some(How::CutAfter) => return Ok(false),
            Some(How::CutAnswer(percent)) => {
                let length = bytes.len() * usize::try_from(percent).unwrap_or_default() / 100;
                self.client.write_all(&bytes[..length])?;
                return Ok(false);
            }
            Some(How::AnsweredTwice) => bytes.extend_from_within(..),
            Some(How::Header(name, value)) => {
                let elsewhere = format!("127.0.0.1:{}", self.shared.registry.port());
                answer.head = answer.head.with(name, &value.replace("ELSEWHERE", &elsewhere));
                self.client.write_all(&answer.bytes())?;
                // A length that is not the body's ends what the two understand of each other.
                return Ok(name != "content-length");
            }
            Some(How::Changed) => {
                let middle = answer.body.len() / 2;
                answer.body.get_mut(middle).into_iter().for_each(|byte| *byte ^= 1);
                bytes = answer.bytes();
            }
            Some(How::Shorter) if method != "HEAD" => {
                answer.body.truncate(answer.body.len() / 2);
                bytes = Message::new(answer.head, answer.body).bytes();
            }
            Some(How::Longer) if method != "HEAD" && !answer.body.is_empty() => {
                answer.body.extend_from_slice(b"more");
                bytes = Message::new(answer.head, answer.body).bytes();
            }
            Some(How::Late) => self.shared.pass(LATE),
            _ => {}
        }
        self.client.write_all(&bytes)?;
        Ok(true)
    }

    fn upstream(&mut self) -> io::Result<&mut BufReader<TcpStream>> {
        if self.upstream.is_none() {
            let stream = TcpStream::connect(self.shared.registry)?;
            stream.set_nodelay(true)?;
            self.shared.open(&stream);
            self.upstream = Some(BufReader::new(stream));
        }
        Ok(self.upstream.as_mut().expect("it was made just now"))
    }

    fn hang_up(&mut self) {
        if let Some(upstream) = self.upstream.take() {
            drop(upstream.get_ref().shutdown(Shutdown::Both));
        }
    }

    fn ask(&mut self, request: &Message) -> io::Result<Message> {
        let method = request.head.method().to_owned();
        let upstream = self.upstream()?;
        upstream.get_mut().write_all(&request.bytes())?;
        Message::answer(upstream, &method)
    }

    /// Says nothing until whoever asked has had enough.
    fn stand_still(&mut self) {
        while self.client.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
    }
}

/// The same address whenever the lot is drawn, because a registry's name is in what is written of an image; where somebody
/// plays it beside this one, another.
fn listener(lot: u64) -> io::Result<TcpListener> {
    let [.., first, second, third] = lot.to_be_bytes();
    let own = (Ipv4Addr::new(127, first, second, third), PORT);
    TcpListener::bind(own).or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
}

fn said(status: u16, code: &str, wait: Option<u32>) -> Message {
    let mut head = Head::answer(status);
    if let Some(wait) = wait {
        head = head.with("retry-after", &wait.to_string());
    }
    if status == 204 {
        return Message { head, body: Vec::new() };
    }
    let body = json!({ "errors": [{ "code": code, "message": "injected" }] }).to_string();
    Message::new(head.with("content-type", "application/json"), body.into_bytes())
}

fn without_body(answer: Message, method: &str) -> Message {
    if method == "HEAD" { Message { body: Vec::new(), ..answer } } else { answer }
}

/// As if it had been done.
fn lie(request: &Message, call: &str, about: &str) -> Message {
    let repository = request.head.repository().to_owned();
    let done = |status: u16| Message::new(Head::answer(status).with("docker-content-digest", about), Vec::new());
    let with = |message: Message, name: &str, value: &str| Message { head: message.head.with(name, value), ..message };
    match call {
        "POST uploads" if about.starts_with("sha256:") => done(201),
        "POST uploads" => with(done(202), "location", &format!("{repository}/blobs/uploads/nobody")),
        "PUT upload" | "PUT manifest" => done(201),
        "HEAD blob" => with(done(200), "content-length", "42"),
        "GET referrers" => {
            let list =
                json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [] });
            Message::new(Head::answer(200), list.to_string().into_bytes())
        }
        _ => said(404, "MANIFEST_UNKNOWN", None),
    }
}
