//! This repository's command line.

mod ci;

use clap::Parser;

#[derive(Parser)]
enum Xtask {
    Ci(ci::Ci),
}

fn main() -> anyhow::Result<()> {
    let Xtask::Ci(ci) = Xtask::parse();
    ci.run()
}
