use super::errors;

#[test]
fn an_unknown_key_is_answered_with_the_nearest_known_one() {
    assert_eq!(
        errors(&[("repository", "repositry")]),
        "\
error: unknown key `repositry`
  --> Cargo.toml:12:1
   |
12 | repositry = \"sample/app\"
   | ^^^^^^^^^ did you mean `repository`?"
    );
}
