use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::Receiver;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use super::*;
use crate::digest::Digest;
use crate::event::Event;
use crate::net::loopback::{Answer, Server};
use crate::time::Backoff;

const PLATFORM: &str = "x86_64-linux";
const SCRIPT: &[u8] = b"#!/bin/sh\necho Version: 9.9.9\n";

const PATIENCE: Patience = Patience {
    stall: Duration::from_millis(300),
    total: Duration::from_secs(30),
    backoff: Backoff {
        attempts: 3,
        first: Duration::from_millis(10),
        longest: Duration::from_secs(1),
        asked: Duration::from_secs(2),
    },
};

/// Path, kind and content.
type Entry<'a> = (&'a str, EntryType, &'a [u8]);

/// A `.tar.gz` with these entries, whatever their paths.
fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().expect("it is").name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        if *kind == EntryType::Symlink || *kind == EntryType::Link {
            header.set_link_name("/bin/sh").expect("a path");
        }
        header.set_cksum();
        tar.append(&header, *content).expect("it is memory");
    }
    tar.into_inner().and_then(GzEncoder::finish).expect("it is memory")
}

fn good() -> Vec<u8> {
    let file = EntryType::Regular;
    archive(&[("README.md", file, b"read"), ("contrib/", EntryType::Directory, b""), ("trivy", file, SCRIPT)])
}

fn sha256(bytes: &[u8]) -> String {
    Digest::of(bytes).hex().to_owned()
}

fn fetch<'a>(tools: &'a Path, events: &'a Events, interrupt: &'a Interrupt) -> Fetch<'a> {
    Fetch { tools, patience: PATIENCE, events, interrupt }
}

struct Bench {
    tools: tempfile::TempDir,
    events: Events,
    told: Receiver<Event>,
}

impl Bench {
    fn new() -> Self {
        let (events, told) = Events::collect();
        Self { tools: tempfile::tempdir().expect("a folder"), events, told }
    }

    fn provide(&self, server: &Server, sha256: &str) -> Result<PathBuf> {
        let pin = TrivyPin {
            version: "9.9.9".to_owned(),
            sha256: BTreeMap::from([(PLATFORM.to_owned(), sha256.to_owned())]),
            url: server.url("/v{version}/trivy_{version}_{os}-{arch}.tar.gz"),
        };
        fetch(self.tools.path(), &self.events, &Interrupt::default()).provide(&pin, PLATFORM)
    }

    fn refused(&self, script: Vec<Answer>, sha256: &str) -> String {
        let failure = self.provide(&Server::start(script), sha256).expect_err("it must be refused");
        assert_eq!(failure.exit_code(), 1, "{failure}");
        let left: Vec<_> = std::fs::read_dir(self.tools.path()).expect("the folder").collect();
        assert!(left.is_empty(), "something was left: {left:?}");
        failure.to_string()
    }

    fn retries(&self) -> usize {
        self.told.try_iter().filter(|event| matches!(event, Event::Retrying { .. })).count()
    }
}

#[test]
fn the_right_archive_is_fetched_once_unpacked_alone_and_runs() {
    let bench = Bench::new();
    let server = Server::start(vec![Answer::ok(good())]);
    let program = bench.provide(&server, &sha256(&good())).expect("it is the right one");
    let request = server.requests.recv().expect("a request");
    assert_eq!(request.line, "GET /v9.9.9/trivy_9.9.9_Linux-64bit.tar.gz HTTP/1.1");
    assert_eq!(std::fs::read(&program).expect("it is there"), SCRIPT);
    assert_eq!(std::fs::metadata(&program).expect("it is there").permissions().mode() & 0o777, 0o755);
    let beside = std::fs::read_dir(program.parent().expect("a folder")).expect("it is a folder").count();
    assert_eq!(beside, 1, "only the program is unpacked");
    let ended = Tool::new(&program, Duration::from_secs(10)).run(&Interrupt::default(), |_| {}).expect("it runs");
    assert_eq!(ended.stdout, b"Version: 9.9.9\n");

    let again = bench.provide(&Server::start(Vec::new()), &sha256(&good())).expect("it is there already");
    assert_eq!(again, program);
}

#[test]
fn another_archive_is_not_unpacked_and_both_hashes_are_told() {
    let other = sha256(b"another");
    let message = Bench::new().refused(vec![Answer::ok(good())], &other);
    assert!(message.contains(&other) && message.contains(&sha256(&good())), "{message}");
    assert!(message.contains("nothing of it was run"), "{message}");
}

#[test]
fn a_truncated_answer_is_asked_for_again_and_then_told() {
    let half = || Answer::Truncated(good().len(), good()[..good().len() / 2].to_vec());
    let bench = Bench::new();
    let message = bench.refused(vec![half(), half(), half()], &sha256(&good()));
    assert!(message.contains("it broke off after"), "{message}");
    assert_eq!(bench.retries(), 2);
    bench.provide(&Server::start(vec![half(), Answer::ok(good())]), &sha256(&good())).expect("the second is whole");
}

#[test]
fn an_archive_that_ends_too_early_is_refused_even_with_its_own_hash() {
    let half = good()[..good().len() / 2].to_vec();
    let message = Bench::new().refused(vec![Answer::ok(half.clone())], &sha256(&half));
    assert!(message.contains("was not unpacked"), "{message}");
}

#[test]
fn a_missing_release_is_not_asked_for_again() {
    let bench = Bench::new();
    let message = bench.refused(vec![Answer::status(404, "")], &sha256(&good()));
    assert!(message.contains("there is no such release or archive: the server answered 404"), "{message}");
    assert_eq!(bench.retries(), 0);
}

#[test]
fn a_rate_limit_is_waited_out_where_it_is_short() {
    let bench = Bench::new();
    let limited = |seconds| Answer::status(429, &format!("retry-after: {seconds}\r\n"));
    let server = Server::start(vec![limited(1), Answer::status(502, ""), Answer::ok(good())]);
    bench.provide(&server, &sha256(&good())).expect("the third is the archive");
    assert_eq!(bench.retries(), 2);
    let message = Bench::new().refused(vec![limited(3600)], &sha256(&good()));
    assert!(message.contains("the server answered 429"), "{message}");
}

#[test]
fn a_server_that_stalls_is_left_after_the_stall_and_not_before() {
    let stalls = || Answer::Stalls(good().len(), good()[..10].to_vec());
    let bench = Bench::new();
    let message = bench.refused(vec![stalls(), Answer::Silent, stalls()], &sha256(&good()));
    assert!(message.contains("nothing came for 0.3 s"), "{message}");
    assert_eq!(bench.retries(), 2);
}

#[test]
fn an_interrupt_ends_a_fetch_with_its_own_exit_code() {
    let interrupt = Interrupt::default();
    interrupt.set();
    let server = Server::start(vec![Answer::Silent]);
    let folder = tempfile::tempdir().expect("a folder");
    let patience = Patience { stall: Duration::from_secs(60), ..PATIENCE };
    let download = Download { what: "trivy", patience, events: &Events::discard(), interrupt: &interrupt };
    let failure = download.to_file(&server.url("/"), folder.path()).expect_err("it is interrupted");
    assert_eq!(failure.exit_code(), 130);
}

#[test]
fn a_redirect_is_followed_but_not_into_the_clear_and_not_for_ever() {
    let archive = Server::start(vec![Answer::ok(good())]);
    let there = format!("location: {}\r\n", archive.url("/elsewhere"));
    let server = Server::start(vec![Answer::status(302, &there)]);
    Bench::new().provide(&server, &sha256(&good())).expect("it is found elsewhere");
    assert_eq!(archive.requests.recv().expect("a request").line, "GET /elsewhere HTTP/1.1");

    let clear = Answer::status(302, "location: http://mirror.example.com/trivy.tar.gz\r\n");
    let message = Bench::new().refused(vec![clear], &sha256(&good()));
    assert!(message.contains("`http://mirror.example.com/trivy.tar.gz` does not begin with https://"), "{message}");

    let circle = (0..6).map(|_| Answer::status(302, "location: /again\r\n")).collect();
    let message = Bench::new().refused(circle, &sha256(&good()));
    assert!(message.contains("it was sent on more than 5 times"), "{message}");
}

#[test]
fn links_and_paths_that_lead_out_are_refused_with_everything_beside_them() {
    let file = EntryType::Regular;
    let trivy = ("trivy", file, SCRIPT);
    let cases: [(&[Entry<'_>], &str); 7] = [
        (&[("trivy", EntryType::Symlink, b"")], "it holds `trivy`, which is no regular file but a Symlink"),
        (&[trivy, ("extra", EntryType::Link, b"")], "it holds `extra`, which is no regular file but a Link"),
        (&[trivy, ("../trivy", file, b"x")], "it holds `../trivy`, which would be written elsewhere"),
        (&[trivy, ("a/../../x", file, b"x")], "it holds `a/../../x`, which would be written elsewhere"),
        (&[trivy, ("/etc/passwd", file, b"x")], "it holds `/etc/passwd`, which would be written elsewhere"),
        (&[trivy, ("./trivy", file, b"x")], "it holds `trivy` twice"),
        (&[("README.md", file, b"x")], "it has no file `trivy`"),
    ];
    for (entries, expected) in cases {
        let bytes = archive(entries);
        let message = Bench::new().refused(vec![Answer::ok(bytes.clone())], &sha256(&bytes));
        assert!(message.ends_with(expected), "{message}");
    }
    let message = Bench::new().refused(vec![Answer::ok("no archive")], &sha256(b"no archive"));
    assert!(message.contains("was not unpacked"), "{message}");
}

#[test]
fn without_a_hash_for_this_platform_nothing_is_fetched() {
    let pin = TrivyPin { version: "9.9.9".to_owned(), sha256: BTreeMap::new(), url: TRIVY_URL.to_owned() };
    let folder = tempfile::tempdir().expect("a folder");
    let (events, interrupt) = (Events::discard(), Interrupt::default());
    let failure = fetch(folder.path(), &events, &interrupt).provide(&pin, PLATFORM).expect_err("there is no hash");
    assert_eq!(failure.exit_code(), 2);
    assert!(failure.to_string().contains("`cargo xtask tools pin trivy 9.9.9`"), "{failure}");
}

#[test]
fn an_attackers_version_is_refused_whatever_the_hash() {
    for version in ["0.69.4", "0.69.5", "0.69.6"] {
        let sha256 = PLATFORMS.iter().map(|platform| ((*platform).to_owned(), "0".repeat(64))).collect();
        let pin = TrivyPin { version: version.to_owned(), sha256, url: TRIVY_URL.to_owned() };
        let folder = tempfile::tempdir().expect("a folder");
        let (events, interrupt) = (Events::discard(), Interrupt::default());
        let failure = trivy_program(Some(&pin), folder.path(), &events, &interrupt).expect_err("it is malicious");
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("published by an attacker"), "{failure}");
        assert!(fetch(folder.path(), &events, &interrupt).pin(version, TRIVY_URL).is_err());
    }
    assert!(!is_malicious("0.69.3") && !is_malicious("0.70.0"));
}

/// A list of checksums, then the archives of all platforms.
fn release(list: Answer) -> Server {
    let archives = (0..PLATFORMS.len()).map(|index| Answer::ok(vec![b'a'; index + 1]));
    Server::start(std::iter::once(list).chain(archives).collect())
}

fn pinned(server: &Server) -> Result<Pinned> {
    let folder = tempfile::tempdir().expect("a folder");
    let template = server.url("/v{version}/trivy_{version}_{os}-{arch}.tar.gz");
    fetch(folder.path(), &Events::discard(), &Interrupt::default()).pin("9.9.9", &template)
}

#[test]
fn pinning_prints_toml_that_the_configuration_reads_and_says_what_it_trusts() {
    let names = ["Linux-64bit", "Linux-ARM64", "macOS-64bit", "macOS-ARM64"];
    let lines = names
        .iter()
        .enumerate()
        .map(|(index, name)| format!("{}  trivy_9.9.9_{name}.tar.gz\n", sha256(&vec![b'a'; index + 1])));
    let server = release(Answer::ok(lines.collect::<String>()));
    let pinned = pinned(&server).expect("all hashes are as listed");
    assert!(pinned.toml.contains(&format!("x86_64-linux = \"{}\"\n", sha256(b"a"))), "{}", pinned.toml);
    assert!(pinned.toml.contains(&format!("aarch64-macos = \"{}\"\n", sha256(b"aaaa"))), "{}", pinned.toml);
    assert!(pinned.trusted.iter().any(|line| line.contains("127.0.0.1")), "{:?}", pinned.trusted);

    let folder = tempfile::tempdir().expect("a folder");
    let manifest = format!(
        "[workspace]\nmembers = []\n[workspace.metadata.xtask]\naccount = \"123456789012\"\nregion = \"eu-west-1\"\n\n{}",
        pinned.toml
    );
    std::fs::write(folder.path().join("Cargo.toml"), manifest).expect("a file");
    let loaded = crate::config::load(folder.path(), &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
    let pin = loaded.config.scan.trivy.expect("it is pinned");
    assert_eq!(pin.sha256.len(), 4);
    assert_eq!(pin.url, server.url("/v{version}/trivy_{version}_{os}-{arch}.tar.gz"));
}

#[test]
fn pinning_stops_where_the_releases_own_list_differs_and_says_so_where_there_is_none() {
    let list = format!("{}  trivy_9.9.9_Linux-64bit.tar.gz\n", sha256(b"what it was"));
    let failure = pinned(&release(Answer::ok(list))).expect_err("the list differs");
    assert!(failure.to_string().contains("is not what the release's own list of checksums says"), "{failure}");
    let pinned = pinned(&release(Answer::status(404, ""))).expect("there is no list");
    assert!(pinned.trusted.iter().any(|line| line.contains("has no list of checksums")), "{:?}", pinned.trusted);
}

/// A trivy that writes down how it was called, and fetches what trivy would.
fn stand_in(folder: &Path, works: bool) -> PathBuf {
    let path = folder.join("trivy");
    let works = if works {
        "mkdir -p \"$cache/db\"; echo {} > \"$cache/db/metadata.json\"; echo db > \"$cache/db/trivy.db\""
    } else {
        "exit 1"
    };
    let script = format!(
        "#!/bin/sh\necho \"$* ${{AWS_SECRET_ACCESS_KEY-none}}\" >> {}/calls\n\
         for last; do cache=$last; done\necho 'TOOMANYREQUESTS' >&2\n{works}\n",
        folder.display()
    );
    let mut file = std::fs::File::create(&path).expect("a file");
    file.write_all(script.as_bytes()).expect("it is written");
    file.set_permissions(std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    path
}

#[test]
fn the_database_is_fetched_once_a_day_from_a_list_of_mirrors_and_yesterdays_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = stand_in(folder.path(), true);
    let target = folder.path().join("target");
    let database = || Database::unless_kept(&[], |_| None, &target).expect("nobody else keeps it");
    let get = |database: &Database, today: &str| {
        database.folder(&program, today, &Interrupt::default()).expect("it is fetched")
    };
    let run = database();
    let cache = get(&run, "2026-11-22");
    assert_eq!(cache, get(&run, "2026-11-23"), "a run that goes on past midnight keeps its database");
    assert_eq!(cache, get(&database(), "2026-11-22"));
    assert_eq!(cache, target.join("xtask/trivy-db/2026-11-22"));
    assert!(cache.join("db/metadata.json").is_file());
    let calls = || std::fs::read_to_string(folder.path().join("calls")).expect("it was called");
    assert_eq!(calls().lines().count(), 1, "{}", calls());
    let mirrors = "--db-repository mirror.gcr.io/aquasec/trivy-db:2,ghcr.io/aquasecurity/trivy-db:2,";
    assert!(calls().contains(mirrors), "{}", calls());
    get(&database(), "2026-11-23");
    assert_eq!(calls().lines().count(), 2);
    assert!(!cache.exists(), "yesterday's is still there");
}

#[test]
fn a_database_that_cannot_be_fetched_is_its_own_failure_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = stand_in(folder.path(), false);
    let database = Database::unless_kept(&[], |_| None, folder.path()).expect("nobody else keeps it");
    let failure = database.folder(&program, "2026-11-23", &Interrupt::default()).expect_err("it fails");
    assert_eq!(failure.exit_code(), 1);
    assert!(failure.to_string().contains("  | TOOMANYREQUESTS"), "{failure}");
    let left = std::fs::read_dir(folder.path().join("xtask/trivy-db")).expect("the folder").count();
    assert_eq!(left, 0);
}

#[test]
fn a_database_whose_successor_is_a_week_old_is_told() {
    let cache = tempfile::tempdir().expect("a folder");
    let at = |next: &str, now: u64| {
        std::fs::create_dir_all(cache.path().join("db")).expect("a folder");
        let metadata = format!(r#"{{"UpdatedAt":"2026-11-01T00:00:00Z","NextUpdate":"{next}T00:00:00Z"}}"#);
        std::fs::write(cache.path().join("db/metadata.json"), metadata).expect("it is written");
        database::staleness(cache.path(), now)
    };
    // 2026-11-23.
    let now = 1_795_420_799;
    assert_eq!((at("2026-11-22", now), at("2026-11-16", now)), (None, None));
    assert!(at("2026-11-15", now).is_some_and(|said| said.contains("is of 2026-11-01")));
    assert_eq!(database::staleness(Path::new("/no/such/folder"), now), None);
}

#[test]
fn a_database_that_the_user_keeps_is_left_alone() {
    let folder = Path::new("/target");
    let kept = |args: &[&str], set: Option<(&str, &str)>| {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let variable = |name: &str| set.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
        Database::unless_kept(&args, variable, folder).is_none()
    };
    assert!(kept(&["--skip-db-update"], None) && kept(&["--cache-dir=/var/cache/trivy"], None));
    assert!(!kept(&["--pkg-types=os"], None));
    assert!(kept(&[], Some(("TRIVY_CACHE_DIR", "/var/cache/trivy"))));
}

#[test]
fn a_mirror_of_the_users_is_asked_in_the_place_of_the_public_ones_and_has_a_folder_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = stand_in(folder.path(), true);
    let fetch = |args: &[&str], set: Option<&str>| {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let variable = |name: &str| set.filter(|_| name == "TRIVY_DB_REPOSITORY").map(str::to_owned);
        let database = Database::unless_kept(&args, variable, folder.path()).expect("nobody else keeps it");
        database.folder(&program, "2026-11-23", &Interrupt::default()).expect("it is fetched")
    };
    let calls = || std::fs::read_to_string(folder.path().join("calls")).expect("it was called");
    let mut folders = vec![fetch(&[], None)];
    for (args, set, asked) in [
        (&[][..], Some("mirror.example/trivy-db"), "--db-repository mirror.example/trivy-db --cache-dir"),
        (&["--db-repository", "a.example/db"][..], None, "--db-repository a.example/db --cache-dir"),
        (&["--db-repository=b.example/db"][..], Some("c.example/db"), "--db-repository b.example/db --cache-dir"),
    ] {
        folders.push(fetch(args, set));
        assert!(calls().lines().last().is_some_and(|call| call.contains(asked)), "{}", calls());
    }
    let count = folders.len();
    folders.sort();
    folders.dedup();
    assert_eq!(folders.len(), count, "two mirrors' databases are in one place");
}
