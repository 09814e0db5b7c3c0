use clap::Args;
use serde_json::json;

use super::{Format, to_json};
use crate::config;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::operate::evidence::{Piece, contents, pieces};

/// What is attached to a released image
#[derive(Args)]
#[command(after_help = "\
stdout gets a line a piece: what it is, its digest, and of a verdict what it says

Exit codes: 0 told · 1 the world failed · 2 usage or configuration · 8 the image is not released")]
pub(crate) struct Evidence {
    /// The image, by its name in the configuration
    #[arg(value_name = "IMAGE")]
    image: String,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Evidence {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let config = context.config()?;
        let image = config::images_named(config, std::slice::from_ref(&self.image))?[0];
        let (digest, found) = pieces(config, context.session()?, image)?;
        match self.format {
            Format::Text => found.iter().for_each(|piece| context.print(line(piece))),
            Format::Json => {
                let pieces: Vec<_> = found.iter().map(Piece::data).gather();
                context.print(to_json(&json!({ "image": image.name, "digest": digest, "evidence": pieces }))?);
            }
        }
        Ok(())
    }
}

fn line(piece: &Piece) -> String {
    format!("{:<10}  {}  {}", piece.name(), piece.digest, piece.says()).trim_end().to_owned()
}

/// Print what a released image holds, as CycloneDX
#[derive(Args)]
#[command(after_help = "\
It is what was attached when the image was released, with `evidence = [\"sbom\"]`

Exit codes: 0 printed · 1 the world failed, or none is attached · 2 usage or configuration · 8 the image is not released")]
pub(crate) struct Sbom {
    /// The image, by its name in the configuration
    #[arg(value_name = "IMAGE")]
    image: String,
}

impl Sbom {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let config = context.config()?;
        let image = config::images_named(config, std::slice::from_ref(&self.image))?[0];
        let found = contents(context, context.session()?, image)?;
        let Some(document) = found else {
            return Err(Failure::world(format_args!("image `{}` has no list of contents attached", image.name))
                .help("attach one to what is released from now on: add \"sbom\" to `evidence`"));
        };
        context.write(&document);
        context.write(b"\n");
        Ok(())
    }
}
