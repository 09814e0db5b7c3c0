use clap::Args;

use super::to_json;
use crate::config::services_named;
use crate::context::Context;
use crate::deploy::render::{Member, render, render_service};
use crate::event::Event;
use crate::failure::{Failure, Fault, Result};
use crate::gather::Gather;
use crate::text::Last;

/// Print a service's documents as they would be sent
#[derive(Args)]
#[command(after_help = "\
stdout gets the task definition as JSON, with images by their tags: `deploy --plan` says which digests they are; after it the \
service definition, where the service has one. AWS is asked for lookups alone.")]
pub(crate) struct Render {
    /// The service, by its name in the configuration; the only one by default
    service: Option<String>,
    /// A line a member instead, each with the file and line that it is from
    #[arg(long)]
    origins: bool,
}

impl Render {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let loaded = context.loaded()?;
        let names: Vec<String> = self.service.into_iter().gather();
        let services = services_named(&loaded.config, &names)?;
        let [service] = services[..] else {
            let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).gather();
            return Err(Failure::usage(format_args!("there are {} services, and none was named", names.len()))
                .help(format!("name one of {}", names.join(", "))));
        };
        let rendered = render(loaded, service, Some(context))?;
        for Fault { message, place, .. } in rendered.warnings {
            context.events().emit(Event::Warning { message, place });
        }
        if !self.origins {
            context.print(to_json(&rendered.document)?);
            if let Some(service) = render_service(&loaded.config, service, context)? {
                context.print(to_json(&service)?);
            }
            return Ok(());
        }
        let row = |member: &Member| vec![format!("{} = {}", member.path, member.value), format!("# {}", member.origin)];
        context.print_table(&rendered.members.iter().map(row).gather::<Vec<_>>(), Last::Value);
        Ok(())
    }
}
