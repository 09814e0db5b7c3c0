use std::net::SocketAddr;

use clap::Args;

use crate::extend::Context;
use crate::failure::Result;

/// Release and deploy into an embedded ECR and ECS; no AWS account is touched
#[derive(Args)]
pub struct Rehearse {
    /// Something that goes wrong; `list` names them
    #[arg(long, value_name = "NAME")]
    pub fault: Option<String>,
}

/// Serve the embedded ECR and ECS to other clients, until Ctrl-C
#[derive(Args)]
pub struct ServeSandbox {
    /// A loopback address and a port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4680")]
    pub listen: SocketAddr,
    /// How many times as fast as the real one its clock runs
    #[arg(long, value_name = "TIMES", default_value_t = 1)]
    pub speed: u32,
}

#[cfg(feature = "rehearse")]
impl Rehearse {
    pub fn run(self, context: &Context) -> Result<()> {
        crate::rehearse::run(self.fault.as_deref(), context)
    }
}

#[cfg(feature = "rehearse")]
impl ServeSandbox {
    pub fn run(self, context: &Context) -> Result<()> {
        crate::rehearse::serve(self.listen, self.speed, context)
    }
}

#[cfg(not(feature = "rehearse"))]
impl Rehearse {
    pub fn run(self, _: &Context) -> Result<()> {
        run_with_sandbox()
    }
}

#[cfg(not(feature = "rehearse"))]
impl ServeSandbox {
    pub fn run(self, _: &Context) -> Result<()> {
        run_with_sandbox()
    }
}

/// Everyday commands do without the stand-in; this one becomes the same binary, compiled with it.
#[cfg(not(feature = "rehearse"))]
fn run_with_sandbox() -> Result<()> {
    use std::ffi::OsString;

    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let package = std::env::var_os("CARGO_PKG_NAME").unwrap_or_else(|| "xtask".into());
    let mut args: Vec<OsString> = vec!["run".into(), "--package".into(), package];
    args.extend(["--features", "rehearse", "--"].map(OsString::from));
    args.extend(std::env::args_os().skip(1));
    let error = crate::process::become_program(cargo, &args);
    Err(crate::failure::Failure::world(format_args!("could not start cargo to compile the rehearsal: {error}")))
}
