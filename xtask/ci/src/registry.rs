//! A plain registry, as other people run it: the second opinion on what is pushed.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::console::say;
use crate::parts::Parts;
use crate::server::Server;
use crate::signal::Interrupt;

/// A running registry on loopback. Dropping it stops the registry and removes what it kept.
pub struct Registry {
    address: String,
    _server: Server,
    _data: tempfile::TempDir,
}

impl Registry {
    pub fn start(parts: &Parts, interrupt: &Interrupt) -> Result<Self> {
        say("Starting", "registry");
        let data = tempfile::Builder::new().prefix("registry-").tempdir_in(parts.running())?;
        let configuration: PathBuf = data.path().join("configuration.yml");
        let text = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: '{}'\nhttp:\n  addr: 127.0.0.1:0\n",
            data.path().join("blobs").display()
        );
        fs::write(&configuration, text)?;
        let arguments = ["serve".to_owned(), configuration.display().to_string()];
        let program = parts.registry.join("bin/docker-registry");
        let server = Server::start("registry", &program, &arguments, &[], &parts.running().join("registry.log"))?;
        let address = server.wait(interrupt, listening)?;
        Ok(Self { address, _server: server, _data: data })
    }

    /// HOST:PORT.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// The address the registry chose, from its log.
fn listening(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("listening on ")?;
    let address: String = rest.chars().take_while(|char| char.is_ascii_digit() || ".:".contains(*char)).collect();
    (!address.is_empty() && rest.len() > address.len()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::listening;

    #[test]
    fn the_address_is_read_only_from_a_finished_line() {
        let line = "level=info msg=\"listening on 127.0.0.1:39745\" version=2.8.3\n";
        assert_eq!(listening(line).as_deref(), Some("127.0.0.1:39745"));
        assert_eq!(listening("level=info msg=\"listening on 127.0.0.1:39"), None);
        assert_eq!(listening("level=info msg=\"redis not configured\"\n"), None);
    }
}
