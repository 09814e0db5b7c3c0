//! The whole program in other people's workspaces, which tests/workspaces has in miniature.

mod adopt;
mod adopt_as_found;
mod adopt_others;
mod handover;
mod init;
mod init_stops;
mod live;
mod miniature;
mod shell;
