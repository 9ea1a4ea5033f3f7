//! The block `container` of a Function.

use super::attach::join;
use super::fields::{Context, Fields};
use super::finding::Finding;
use super::node::{Content, Node};
use super::size::parse_bytes;
use super::spec::{ContainerSource, ContainerSpec, ImagePull};

/// Memory in bytes: least (what engines ask for), default, most.
const MEMORY: (u64, u64, u64) = (6 << 20, 256 << 20, 64 << 30);
/// Thousandths of a core: least, default, most.
const CPUS_MILLI: (u32, u32, u32) = (10, 1_000, 256_000);
/// Longest name of an image, in bytes (the limit of registries).
const IMAGE_BYTES_MAX: usize = 255;

pub(crate) fn read_container(
    context: &mut Context<'_>,
    node: &Node,
    pointer: &str,
    folder: Option<&str>,
) -> Option<ContainerSpec> {
    let mut fields = Fields::open(context, node, pointer)?;
    let image = fields.get("image");
    let build = fields.get("build");
    let pulls = [("IfNotPresent", ImagePull::IfNotPresent), ("Never", ImagePull::Never), ("Always", ImagePull::Always)];
    let pull = fields.get("pull");
    let policy = pull.as_ref().and_then(|(node, at)| context.choice(node, at, &pulls));
    let source = match (image, build) {
        (Some((node, at)), None) => {
            read_image(context, node, &at).map(|name| ContainerSource::Image { name, pull: policy.unwrap_or_default() })
        }
        (None, Some((node, at))) => {
            if let Some((pull, at)) = &pull {
                context.error(2001, &pull.place, at, "what is built here is never fetched: leave pull out");
            }
            let text = context.text(node, &at);
            text.map(|text| ContainerSource::Build(folder.map_or_else(|| text.to_owned(), |folder| join(folder, text))))
        }
        (Some(_), Some((node, at))) => {
            context.error(2001, &node.place, &at, "both image and build are given, exactly one is taken");
            None
        }
        (None, None) => {
            context.error(2001, &node.place, pointer, "neither image nor build is given, exactly one is taken");
            None
        }
    };
    let args = fields.get("args").and_then(|(node, at)| context.texts(node, &at));
    let memory = fields.get("memory").and_then(|(node, at)| read_memory(context, node, &at));
    let cpus = fields.get("cpus").and_then(|(node, at)| read_cpus(context, node, &at));
    fields.close(context);
    Some(ContainerSpec {
        source: source?,
        args: args.unwrap_or_default(),
        memory_bytes: memory.unwrap_or(MEMORY.1),
        cpus_milli: cpus.unwrap_or(CPUS_MILLI.1),
    })
}

fn read_image(context: &mut Context<'_>, node: &Node, pointer: &str) -> Option<String> {
    let text = context.text(node, pointer)?;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    let fine = text.len() <= IMAGE_BYTES_MAX
        && text.bytes().all(known)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !text.contains("..")
        && !text.contains("//");
    if !fine {
        let finding = Finding::error(2001, &node.place, pointer, format!("{text:?} is no name of an image"));
        context.report(finding.help("write accounts:1.4.0, registry.example/bank/accounts:1.4.0 or sha256:…"));
        return None;
    }
    Some(text.to_owned())
}

fn read_memory(context: &mut Context<'_>, node: &Node, pointer: &str) -> Option<u64> {
    let text = context.text(node, pointer)?;
    let (least, _, most) = MEMORY;
    let bytes = parse_bytes(text).filter(|bytes| (least..=most).contains(bytes));
    if bytes.is_none() {
        let message = format!("{text:?} is not an amount of memory between 6Mi and 64Gi; write it as 256Mi");
        context.error(2001, &node.place, pointer, message);
    }
    bytes
}

/// `1`, `1.5`, `"0.5"` or `500m`.
fn read_cpus(context: &mut Context<'_>, node: &Node, pointer: &str) -> Option<u32> {
    let text = match &node.content {
        Content::Number(number) => number.to_string(),
        _ => context.text(node, pointer)?.to_owned(),
    };
    let (least, _, most) = CPUS_MILLI;
    let milli = parse_milli(&text).filter(|milli| (least..=most).contains(milli));
    if milli.is_none() {
        let message = format!("{text:?} is not a number of processors between 0.01 and 256; write it as 1.5 or 500m");
        context.error(2001, &node.place, pointer, message);
    }
    milli
}

fn parse_milli(text: &str) -> Option<u32> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(milli) = text.strip_suffix('m') {
        return digits(milli).then(|| milli.parse().ok())?;
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    if !digits(whole) || !digits(part) || part.len() > 3 {
        return None;
    }
    let part: u32 = format!("{part:0<3}").parse().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(1_000)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::parse_milli;

    #[test]
    fn processors_are_read_to_the_thousandth() {
        let table = [("1", 1_000), ("1.0", 1_000), ("0.5", 500), ("2.25", 2_250), ("500m", 500), ("0.001", 1)];
        for (text, milli) in table {
            assert_eq!(parse_milli(text), Some(milli), "{text}");
        }
        for text in ["", "m", ".5", "1.", "-1", "1e3", "1.0001", "4294968", "x", "1.5m"] {
            assert_eq!(parse_milli(text), None, "{text:?}");
        }
    }
}
