//! What a container's processes take: memory, and the ports that they listen on.

use std::collections::BTreeSet;
use std::fs::read_to_string;

/// Bytes that the process and those below it have to themselves, as a control group would count them.
pub(super) fn memory(pid: u32) -> u64 {
    let status = read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let own = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).and_then(|it| it.split_whitespace().next());
    let kibibytes: u64 = own.and_then(|it| it.parse().ok()).unwrap_or_default();
    let children = read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let below: u64 = children.split_whitespace().filter_map(|it| it.parse().ok()).map(memory).sum();
    kibibytes * 1024 + below
}

/// The TCP ports that somebody listens on in the network of a process, but for those of loopback alone.
pub(super) fn ports_of(pid: u32) -> BTreeSet<u16> {
    let tables = ["tcp", "tcp6"].map(|table| read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines()).filter_map(listening).collect()
}

/// The port of a line of /proc/net/tcp, if somebody listens on it. Source: proc_net_tcp.txt of the kernel's documentation.
pub(super) fn listening(line: &str) -> Option<u16> {
    let mut fields = line.split_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let is_loopback = address == "0100007F" || address == "00000000000000000000000001000000";
    let listens = fields.nth(1)? == "0A";
    u16::from_str_radix(port, 16).ok().filter(|_| listens && !is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_counts_where_somebody_listens_who_can_be_reached_from_outside() {
        let line =
            |address: &str, state: &str| format!("   0: {address} 00000000:0000 {state} 00000000:00000000 00:00");
        assert_eq!(listening(&line("00000000:1F90", "0A")), Some(8080));
        assert_eq!(listening(&line("00000000000000000000000000000000:1F90", "0A")), Some(8080));
        assert_eq!(listening(&line("00000000:1F90", "01")), None, "a connection");
        assert_eq!(listening(&line("0100007F:1F90", "0A")), None, "loopback alone");
        assert_eq!(listening("  sl  local_address rem_address   st tx_queue"), None);
    }
}
