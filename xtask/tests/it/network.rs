//! The way out: proxies and private certificate authorities, the whole binary.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::support::{Run, Workspace, sandbox};

/// A proxy that keeps the first line of each request and lets nobody through.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    let address = format!("http://{}", listener.local_addr().expect("it has an address"));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = asked.clone();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines().map_while(Result::ok);
            heard.lock().expect("nobody panicked").extend(lines.next());
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap_or_default();
        }
    });
    (address, asked)
}

/// An address that nobody listens on, which TLS would be spoken to.
const CLOSED: &str = "https://127.0.0.2:9443";

fn run(variables: &[(&str, &str)], command: &[&str]) -> Run {
    let mut environment = vec![
        ("AWS_ENDPOINT_URL", CLOSED),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_MAX_ATTEMPTS", "1"),
        ("HTTP_PROXY", ""),
        ("NO_PROXY", ""),
        ("no_proxy", ""),
    ];
    environment.extend(variables);
    let workspace = match command[0] {
        "promote" => beside(&format!("{STAGING}{PRODUCTION}account = \"222222222222\"\n\n")),
        "run" => beside("[workspace.metadata.xtask.tasks.migrate]\nservice = \"app\"\ncommand = [\"true\"]\n\n"),
        _ => Workspace::sample(),
    };
    workspace.tool("session-manager-plugin", "#!/bin/sh\necho 1.2.707.0\n");
    workspace.xtask_with(&environment, command)
}

const STAGING: &str = "[workspace.metadata.xtask.environments.staging]\n\n";
const PRODUCTION: &str = "[workspace.metadata.xtask.environments.production]\n";

/// The sample with these tables beside its own.
fn beside(tables: &str) -> Workspace {
    const OWN: &str = "[workspace.metadata.xtask.services.app]";
    Workspace::with(&[(OWN, &format!("{tables}{OWN}"))])
}

#[test]
fn aws_is_asked_through_the_proxy_that_the_environment_names() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let (address, asked) = proxy();
        run(&[(variable, &address)], &["release", "--plan"]).ends(1);
        let asked = asked.lock().expect("nobody panicked");
        assert!(asked.first().is_some_and(|line| line.starts_with("CONNECT 127.0.0.2:9443 ")), "{variable}: {asked:?}");
    }
    for not in ["127.0.0.2", "127.0.0.0/8", "*"] {
        let (address, asked) = proxy();
        run(&[("HTTPS_PROXY", &address), ("NO_PROXY", not)], &["release", "--plan"]).ends(1);
        assert!(asked.lock().expect("nobody panicked").is_empty(), "{not}");
    }
}

#[test]
fn slack_is_told_through_the_proxy() {
    let (address, asked) = proxy();
    let slack = [("HTTPS_PROXY", &*address), ("SLACK_WEBHOOK_URL", "https://127.0.0.3:9443/services/hunter2")];
    run(&slack, &["release"]).ends(1).does_not_say("hunter2");
    let asked = asked.lock().expect("nobody panicked");
    assert!(asked.iter().any(|line| line.starts_with("CONNECT 127.0.0.3:9443 ")), "{asked:?}");
}

#[test]
fn a_way_out_that_is_of_no_use_is_a_usage_error_without_its_password() {
    let (socks, bundle) = ("socks5://u:hunter2@127.0.0.1:1", "/nonexistent/ca.pem");
    run(&[("HTTPS_PROXY", socks)], &["release", "--plan"])
        .ends(2)
        .says("HTTPS_PROXY names a proxy that is spoken to in socks5, which is not supported")
        .does_not_say("hunter2");
    run(&[("AWS_CA_BUNDLE", bundle)], &["release", "--plan"])
        .ends(2)
        .says("AWS_CA_BUNDLE names /nonexistent/ca.pem, which could not be read");
}

/// Of an authority that only these tests know; the keys are good for nothing else.
const AUTHORITY: &str = include_str!("support/authority.pem");
const SERVER: &str = include_str!("support/server.pem");

/// An ECR in which every tag is there, behind TLS with a certificate of that authority.
fn ecr_behind_tls() -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("ring has them");
    let chain = vec![CertificateDer::from_pem_slice(SERVER.as_bytes()).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(SERVER.as_bytes()).expect("a key");
    let config = Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).expect("they fit"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    let address = format!("https://{}", listener.local_addr().expect("it has an address"));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(config.clone()).expect("the configuration is good");
            // Who does not trust the certificate leaves.
            answer(StreamOwned::new(connection, stream)).unwrap_or_default();
        }
    });
    address
}

fn answer(stream: StreamOwned<ServerConnection, TcpStream>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let digest = format!("sha256:{}", "a".repeat(64));
    let found = json!({ "images": [{ "imageId": { "imageTag": "1.4.0", "imageDigest": digest } }] }).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        found.len()
    );
    let stream = stream.get_mut();
    stream.write_all(head.as_bytes())?;
    stream.write_all(found.as_bytes())?;
    stream.conn.send_close_notify();
    stream.flush()
}

#[test]
fn a_private_authority_is_trusted_where_the_environment_names_it_in_either_way() {
    let address = ecr_behind_tls();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("authority.pem");
    fs::write(&file, AUTHORITY).expect("written");
    let file = file.to_str().expect("a path that is text");
    let endpoint = ("AWS_ENDPOINT_URL", &*address);
    for variable in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
        run(&[endpoint, (variable, file)], &["release"]).ends(0).says("is already released");
    }
    run(&[endpoint], &["release"])
        .ends(1)
        .says("the certificate is of an authority that this machine does not know")
        .says("AWS_CA_BUNDLE")
        .says("a profile's `ca_bundle` is not read");
}

/// The second table of the page of faults: what a command ends with where the name of what it asks is not found, and where
/// nobody here trusts its certificate, and the call that it names.
#[test]
fn with_no_name_or_no_trust_each_command_ends_as_the_page_of_faults_says() {
    let rows = include_str!("../../../docs/FAULTS.md").lines().skip_while(|line| !line.contains("| name not found |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<&str>> =
        rows.map(|row| row.split('|').map(|cell| cell.trim().trim_matches('`')).collect()).collect();
    assert!(rows.len() > 8, "{rows:?}");
    // No resolver is asked for a part of a name that is too long to be one.
    let nowhere = format!("http://{}.invalid", "a".repeat(64));
    let untrusted = ecr_behind_tls();
    std::thread::scope(|scope| {
        for row in &rows {
            let [_, command, no_name, no_trust, call, _] = row[..] else { panic!("{row:?}") };
            let ends = move |url: &str, code: &str, says: &[&str]| {
                let words: Vec<&str> = command.split(' ').collect();
                let what = if call.starts_with("sts:") { "these credentials" } else { "app" };
                let run = run(&[("AWS_ENDPOINT_URL", url)], &words);
                let text = run.stdout.clone() + &run.stderr;
                assert_eq!(run.code.to_string(), code, "{command}: {text}");
                for part in says.iter().chain([&call, &what]) {
                    assert!(text.contains(part), "{command} does not say `{part}`: {text}");
                }
            };
            let fix = "check the network, the region and any AWS_ENDPOINT_URL";
            let nowhere = &nowhere;
            scope.spawn(move || ends(nowhere, no_name, &["failed to lookup address information", fix]));
            let trust = "the certificate is of an authority that this machine does not know";
            let untrusted = &untrusted;
            scope.spawn(move || ends(untrusted, no_trust, &[trust, "AWS_CA_BUNDLE"]));
        }
    });
}

#[test]
fn the_endpoints_that_a_profile_names_are_asked() {
    for profile in [
        "[default]\nendpoint_url = URL\n",
        "[default]\nservices = stand-in\n[services stand-in]\necr =\n  endpoint_url = URL\necs =\n  endpoint_url = URL\n",
        "[profile ci]\nendpoint_url = URL\n",
    ] {
        let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
        workspace.that_releases();
        let environment = sandbox.environment();
        let value = |wanted: &str| environment.iter().find(|(name, _)| name == wanted).map(|(_, value)| &**value);
        let url = value("AWS_ENDPOINT_URL").expect("the sandbox has an address");
        workspace.write("profiles", &profile.replace("URL", url));
        let file = workspace.root().join("profiles").display().to_string();
        let kept = environment.iter().filter(|(name, _)| name != "AWS_ENDPOINT_URL");
        let mut variables: Vec<(&str, &str)> = kept.map(|(name, value)| (&**name, &**value)).collect();
        variables.push(("AWS_CONFIG_FILE", &file));
        if profile.contains("profile ci") {
            variables.push(("AWS_PROFILE", "ci"));
        }
        workspace.xtask_with(&variables, &["release"]).ends(0).says("Released");
        workspace.xtask_with(&variables, &["deploy"]).ends(0).says("Deployed app: app:2");
    }
}
