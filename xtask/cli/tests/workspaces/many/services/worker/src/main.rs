//! A service.

fn main() {
    println!("it runs");
}
