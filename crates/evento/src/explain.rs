//! `evento explain EV####`: the pages of the error codes, compiled in.

use evento_model::Code;

/// Declares the pages: one row per code, the file beside it.
macro_rules! pages {
    ($($code:literal),* $(,)?) => {
        /// Every code there is, with its page in Markdown.
        pub const PAGES: &[(Code, &str)] =
            &[$((Code($code), include_str!(concat!("../errors/EV", stringify!($code), ".md")))),*];
    };
}

pages![
    1001, 1002, 1003, 1004, 1005, 1006, 1010, 1011, 1012, 1014, 1020, 1021, 1022, 2001, 2002, 2003, 2004, 2005, 2006,
    2007, 2101, 2104, 2105, 2106, 2107, 2109, 2110, 2111, 2201, 2202, 2203, 2204, 2210, 2301, 2302, 2303, 2305, 2306,
    2307, 2308, 2309, 2401, 2402, 3001, 3002, 3003, 3004, 3005, 3006, 3008, 3009, 3010, 3011, 3012, 3013, 4001, 4002,
    4003, 4004, 4005, 4006, 4010, 5001, 5002, 5003, 5004, 5005, 5006, 5007, 6001, 6002, 6010, 6011, 7001, 7002, 7003,
    7004, 7005, 7006, 9001,
];

/// The page of a code.
pub fn page(code: Code) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == code).map(|(_, page)| *page)
}

/// The title of a page: its first line without the code.
pub fn title(page: &str) -> &str {
    page.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, title)| title)
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
