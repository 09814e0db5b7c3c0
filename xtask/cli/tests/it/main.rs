//! The whole program in other people's workspaces, which tests/workspaces has in miniature.

mod adopt;
mod handover;
mod init;
mod miniature;
