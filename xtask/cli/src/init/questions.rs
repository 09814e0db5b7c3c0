//! What is asked on a terminal.

use std::io::{BufRead, IsTerminal, Write};

/// Asks whoever sits there; without a terminal nobody is asked.
pub struct Questions<'a> {
    asker: Option<(&'a mut dyn BufRead, &'a mut dyn Write)>,
}

impl<'a> Questions<'a> {
    pub fn nobody() -> Self {
        Self { asker: None }
    }

    pub fn to(input: &'a mut dyn BufRead, output: &'a mut dyn Write) -> Self {
        Self { asker: Some((input, output)) }
    }

    /// Whether both ends are a terminal.
    pub fn is_terminal() -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// The answer, or what holds where none is given; None where there is neither.
    pub fn ask(&mut self, question: &str, default: Option<&str>) -> Option<String> {
        let default = default.map(str::to_owned);
        let Some((input, output)) = &mut self.asker else { return default };
        let shown = default.as_ref().map_or(String::new(), |default| format!(" [{default}]"));
        let mut line = String::new();
        let asked = write!(output, "{question}{shown}: ").and_then(|()| output.flush());
        if asked.and_then(|()| input.read_line(&mut line)).is_err() {
            return default;
        }
        Some(line.trim().to_owned()).filter(|answer| !answer.is_empty()).or(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_answer_is_the_default_and_nobody_answers_with_it() {
        let (mut input, mut output) = (&b"eu-west-1\n\n"[..], Vec::new());
        let mut questions = Questions::to(&mut input, &mut output);
        assert_eq!(questions.ask("Region", Some("us-east-1")).as_deref(), Some("eu-west-1"));
        assert_eq!(questions.ask("Region", Some("us-east-1")).as_deref(), Some("us-east-1"));
        assert_eq!(questions.ask("Account", None), None, "the input is over");
        assert_eq!(String::from_utf8(output).expect("text"), "Region [us-east-1]: Region [us-east-1]: Account: ");
        assert_eq!(Questions::nobody().ask("Region", Some("us-east-1")).as_deref(), Some("us-east-1"));
    }
}
