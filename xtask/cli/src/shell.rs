//! What a shell and `man` want of the command line.

use clap_complete::Shell;
use xtask_ecs::{Command, Context};

/// Cargo finds the program by this name.
const NAME: &str = "cargo-xtask-ecs";

/// Print completions for a shell
#[derive(clap::Parser)]
#[command(
    name = "completions",
    after_help = "\
They complete `cargo-xtask-ecs`. Bash: `cargo xtask-ecs completions bash > ~/.local/share/bash-completion/completions/cargo-xtask-ecs`; zsh: into a folder of \
$fpath as `_cargo-xtask-ecs`; fish: into ~/.config/fish/completions."
)]
pub struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the man page
#[derive(clap::Parser)]
#[command(
    name = "man",
    after_help = "\
`cargo xtask-ecs man > ~/.local/share/man/man1/cargo-xtask-ecs.1` is enough for `cargo help xtask-ecs`. With a command's name it is that command's page."
)]
pub struct Man {
    /// A command
    #[arg(value_name = "COMMAND")]
    of: Option<String>,
}

impl Command for Completions {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let mut script = Vec::new();
        // For bash it mixes up hyphens of the name with the blank before a command, whose flags then are not completed.
        let name = if self.shell == Shell::Bash { NAME.replace('-', "_") } else { NAME.to_owned() };
        clap_complete::generate(self.shell, &mut crate::program().command_line(), &name, &mut script);
        let script = String::from_utf8(script)?.replace(&format!(" {name}\n"), &format!(" {NAME}\n"));
        context.write(script.as_bytes());
        Ok(())
    }
}

impl Command for Man {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let all = crate::program().command_line().name(NAME).bin_name("cargo xtask-ecs").display_name(NAME);
        let page = match &self.of {
            None => all,
            Some(name) => {
                let found = all.find_subcommand(name).ok_or_else(|| {
                    xtask_ecs::Failure::usage(format_args!("there is no command `{name}`"))
                        .help("`cargo xtask-ecs --help` lists them")
                })?;
                found.clone().bin_name(format!("cargo xtask-ecs {name}")).display_name(format!("{NAME}-{name}"))
            }
        };
        let mut roff = Vec::new();
        clap_mangen::Man::new(page).render(&mut roff)?;
        context.write(&roff);
        Ok(())
    }
}
