fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("release") => println!("tagging"),
        Some("codegen") => println!("generating"),
        _ => eprintln!("xtask release | xtask codegen"),
    }
}
