use clap::Args;
use serde_json::json;

use super::{Format, to_json};
use crate::aws::ecr::Signing;
use crate::config;
use crate::context::Context;
use crate::digest::Digest;
use crate::evidence::trusted;
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::operate::evidence::{Piece, Told, contents, told};
use crate::platform::Platform;
use crate::text::Last;

/// What is attached to a released image
#[derive(Args)]
#[command(after_help = "\
stdout gets a line a piece: what it is, its digest, of several platforms which one it is about, and of a verdict what it says, and of a statement by which key it is signed; and one \
for each of ECR's rules that sign it

Exit codes: 0 told · 1 the world failed · 2 usage or configuration · 8 the image is not released")]
pub(crate) struct Evidence {
    /// The image, by its name in the configuration
    #[arg(value_name = "IMAGE")]
    image: String,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Evidence {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let config = context.config()?;
        let image = config::images_named(config, std::slice::from_ref(&self.image))?[0];
        let key = trusted(config, context.session()?).unwrap_or_else(|failure| {
            context.events().warn(format!("by which key statements are signed is not told: {failure}"));
            None
        });
        let all = told(config, context.session()?, image, key.as_ref())?;
        match self.format {
            Format::Text => {
                let mut rows = Vec::new();
                for one in &all {
                    let pieces = one.pieces.iter().map(|piece| (piece.shown(), &piece.digest, piece.says()));
                    let signed = signing(context, one).iter();
                    let signed = signed.map(|signing| ("signature".to_owned(), &one.digest, signing.says()));
                    rows.extend(pieces.chain(signed).map(|piece| row(one, piece)));
                }
                context.print_table(&rows, Last::Prose);
            }
            Format::Json => {
                let mut data = json!({});
                let mut platforms = Vec::new();
                for one in &all {
                    let pieces: Vec<_> = one.pieces.iter().map(Piece::data).gather();
                    let mut told = match &one.platform {
                        None => json!({ "image": image.name }),
                        Some(platform) => json!({ "platform": platform.to_string() }),
                    };
                    (told["digest"], told["evidence"]) = (json!(one.digest), json!(pieces));
                    let signing = signing(context, one);
                    if !signing.is_empty() {
                        told["signing"] = json!(signing);
                    }
                    if one.platform.is_none() { data = told } else { platforms.push(told) }
                }
                if !platforms.is_empty() {
                    data["platforms"] = json!(platforms);
                }
                context.print(to_json(&data)?);
            }
        }
        Ok(())
    }
}

/// What became of signing it; one that is not told is warned of.
fn signing<'a>(context: &Context, of: &'a Told) -> &'a [Signing] {
    match &of.signing {
        Ok(signing) => signing,
        Err(error) => {
            context.events().warn(format!("whether {} is signed is not told: {error}", of.digest));
            &[]
        }
    }
}

fn row(of: &Told, (name, digest, says): (String, &Digest, String)) -> Vec<String> {
    vec![name, digest.to_string(), of.platform.as_ref().map(ToString::to_string).unwrap_or_default(), says]
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
    /// The platform, of an image that is for several
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
}

impl Sbom {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let config = context.config()?;
        let image = config::images_named(config, std::slice::from_ref(&self.image))?[0];
        let found = contents(context, context.session()?, image, self.platform.as_ref())?;
        let Some(document) = found else {
            return Err(Failure::world(format_args!("image `{}` has no list of contents attached", image.name))
                .help("attach one to what is released from now on: add \"sbom\" to `evidence`"));
        };
        context.write(&document);
        context.write(b"\n");
        Ok(())
    }
}
