//! As much of XML as AWS's Query APIs and S3 answer in: elements and their text.

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub name: String,
    /// Its own text, without the spaces around it.
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    /// The first child of this name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of this name; empty without one.
    pub(super) fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.as_str())
    }

    /// What a list holds: `<name><member>…</member>…</name>`.
    pub(super) fn members(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.child(name).into_iter().flat_map(|list| &list.children)
    }
}

/// Elements inside of each other: AWS's are ten deep, and a thread's stack ends somewhere.
const DEEPEST: usize = 64;

/// The root of a document; `None` where this is no XML, or none of AWS's.
pub(super) fn parse(text: &str) -> Option<Element> {
    let mut open = vec![Element::default()];
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    while let Some((before, after)) = rest.split_once('<') {
        open.last_mut()?.text.push_str(&unescaped(before)?);
        rest = if let Some(comment) = after.strip_prefix("!--") {
            comment.split_once("-->")?.1
        } else if let Some(data) = after.strip_prefix("![CDATA[") {
            let (data, after) = data.split_once("]]>")?;
            open.last_mut()?.text.push_str(data);
            after
        } else {
            let (tag, after) = after.split_once('>')?;
            match tag.strip_prefix('/') {
                _ if tag.starts_with(['?', '!']) => {}
                Some(name) => close(&mut open, name.trim_end())?,
                None if open.len() > DEEPEST => return None,
                None => {
                    let name = tag.trim_end_matches('/').split_whitespace().next()?;
                    open.push(Element { name: name.to_owned(), ..Element::default() });
                    if tag.ends_with('/') {
                        close(&mut open, name)?;
                    }
                }
            }
            after
        };
    }
    match open.as_mut_slice() {
        [document] if rest.trim().is_empty() && document.text.trim().is_empty() && document.children.len() == 1 => {
            document.children.pop()
        }
        _ => None,
    }
}

fn close(open: &mut Vec<Element>, name: &str) -> Option<()> {
    let element = open.pop().filter(|element| element.name == name)?;
    let text = element.text.trim().to_owned();
    open.last_mut()?.children.push(Element { text, ..element });
    Some(())
}

fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('&');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (name, after) = part.split_once(';')?;
        plain.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = name.strip_prefix('#')?;
                let number = match number.strip_prefix('x') {
                    Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                    None => number.parse(),
                };
                char::from_u32(number.ok()?)?
            }
        });
        plain.push_str(after);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_elements_and_their_text() {
        let answer = parse(
            "<?xml version=\"1.0\"?>\n<!-- x > y -->\n<R xmlns=\"http://x/\">\n <Empty/><Also a='1' />\n <List>\n  \
             <member><K>a &lt;&#38;&#x3e; b</K></member>\n  <member><K><![CDATA[<c>]]></K></member>\n </List>\n</R>\n",
        )
        .expect("it is XML");
        assert_eq!(answer.name, "R");
        let list: Vec<_> = answer.members("List").map(|member| member.text_of("K")).collect();
        assert_eq!(list, ["a <&> b", "<c>"]);
        assert_eq!((answer.text_of("Empty"), answer.text_of("None"), answer.children.len()), ("", "", 3));
    }

    #[test]
    fn what_is_no_xml_is_none() {
        for text in
            ["", "{}", "<a>", "<a></b>", "</a>", "<a/><b/>", "<a>&what;</a>", "<a>&", "<a", "<>", "<a></a>x", "<!--"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_document_that_nests_deeper_than_any_of_aws_s_is_none() {
        let nested = |depth: usize| parse(&["<a>".repeat(depth), "</a>".repeat(depth)].concat()).is_some();
        assert_eq!([nested(1), nested(64), nested(65), nested(1_000_000)], [true, true, false, false]);
    }
}
