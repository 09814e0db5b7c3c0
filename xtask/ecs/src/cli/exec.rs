use std::str::FromStr;

use clap::Args;

use crate::context::Context;
use crate::failure;
use crate::operate::exec::{self, Where};

/// Run a command in a container of a service, such as a shell
#[derive(Args)]
#[command(
    after_help = "The Session Manager plugin has to be installed; it takes this program's place, and its exit code is the command's end."
)]
pub(crate) struct Exec {
    #[command(flatten)]
    at: At,
    /// The command and its arguments, after `--`; `/bin/sh` by default
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Bring a port of a container, or of a host that it reaches, to this machine
#[derive(Args)]
#[command(
    after_help = "The Session Manager plugin has to be installed; it takes this program's place and ends with Ctrl-C."
)]
pub(crate) struct Forward {
    #[command(flatten)]
    at: At,
    /// The port here and where it leads: a port of the container, or a host that it reaches, such as a database, and a port of that
    #[arg(value_name = "LOCAL:[HOST:]REMOTE")]
    ports: Ports,
}

/// Into which container.
#[derive(Args)]
struct At {
    /// The service, by its name in the configuration
    service: String,
    /// The task whose id begins like this; the newest by default
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// The container of this name; by default the only one, or the one that runs an image of this workspace
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
}

impl At {
    fn place(self) -> Where {
        let Self { service, task, container } = self;
        Where { service, task, container }
    }
}

#[derive(Clone)]
struct Ports(exec::Forward);

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rule = || "it is LOCAL:REMOTE or LOCAL:HOST:REMOTE, such as `5432:db.internal:5432`".to_owned();
        let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(rule);
        let (local, rest) = text.split_once(':').ok_or_else(rule)?;
        let (host, remote) = rest.rsplit_once(':').map_or((None, rest), |(host, remote)| (Some(host), remote));
        if host.is_some_and(str::is_empty) {
            return Err(rule());
        }
        let (local, host, remote) = (port(local)?, host.map(str::to_owned), port(remote)?);
        Ok(Self(exec::Forward { local, host, remote }))
    }
}

impl Exec {
    pub(crate) fn run(self, context: &Context) -> failure::Result<()> {
        exec::exec(context, &self.at.place(), &self.command)
    }
}

impl Forward {
    pub(crate) fn run(self, context: &Context) -> failure::Result<()> {
        exec::forward(context, &self.at.place(), &self.ports.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_leads_to_one_of_the_container_or_of_a_host() {
        let ports = |text: &str| text.parse::<Ports>().map(|Ports(it)| (it.local, it.host, it.remote));
        assert_eq!(ports("8080:80"), Ok((8080, None, 80)));
        assert_eq!(ports("5432:db.internal:5433"), Ok((5432, Some("db.internal".to_owned()), 5433)));
        for text in ["", "80", "80:", ":80", "80:a", "0:80", "80:0", "80::80", "70000:80"] {
            assert!(ports(text).is_err(), "{text}");
        }
    }
}
