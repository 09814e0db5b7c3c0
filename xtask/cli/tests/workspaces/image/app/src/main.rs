fn main() {
    println!("it runs");
}
