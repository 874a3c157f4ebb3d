//! The values of `requestFiltering`.

use crate::filtering::{
    FileExtensions, HeaderLimit, HiddenSegments, Listed, RequestFiltering, RequestLimits, Verbs,
};
use crate::web_config::tree::Set;

pub(super) fn read(set: &Set) -> RequestFiltering {
    let strings = |list: &str, attribute: &str| -> Vec<String> {
        let items = set.find(&[list]).map_or(&[][..], |list| list.items.as_slice());
        items.iter().map(|item| item.owned(attribute)).collect()
    };
    RequestFiltering {
        limits: set.find(&["requestLimits"]).map_or_else(RequestLimits::default, limits),
        hidden_segments: set.find(&["hiddenSegments"]).map_or_else(HiddenSegments::default, |list| {
            HiddenSegments {
                defaults: !list.cleared,
                removed: list.removed.clone(),
                added: list.items.iter().map(|item| item.owned("segment")).collect(),
            }
        }),
        file_extensions: set.find(&["fileExtensions"]).map_or_else(FileExtensions::default, |list| {
            FileExtensions {
                allow_unlisted: list.is("allowUnlisted"),
                defaults: !list.cleared,
                removed: list.removed.clone(),
                added: listed(list, "fileExtension"),
            }
        }),
        verbs: set.find(&["verbs"]).map_or_else(Verbs::default, |list| Verbs {
            allow_unlisted: list.is("allowUnlisted"),
            listed: listed(list, "verb"),
        }),
        deny_url_sequences: strings("denyUrlSequences", "sequence"),
        deny_query_string_sequences: strings("denyQueryStringSequences", "sequence"),
        always_allowed_urls: strings("alwaysAllowedUrls", "url"),
        always_allowed_query_strings: strings("alwaysAllowedQueryStrings", "queryString"),
        unescape_query_string: set.is("unescapeQueryString"),
        allow_double_escaping: set.is("allowDoubleEscaping"),
        allow_high_bit_characters: set.is("allowHighBitCharacters"),
    }
}

fn limits(set: &Set) -> RequestLimits {
    let headers = set.find(&["headerLimits"]).map_or(&[][..], |list| list.items.as_slice());
    RequestLimits {
        max_content_length: set.number("maxAllowedContentLength"),
        max_url: set.number_u32("maxUrl"),
        max_query_string: set.number_u32("maxQueryString"),
        headers: headers
            .iter()
            .map(|item| HeaderLimit { name: item.owned("header"), size_limit: item.number_u32("sizeLimit") })
            .collect(),
    }
}

fn listed(list: &Set, attribute: &str) -> Vec<Listed> {
    list.items
        .iter()
        .map(|item| Listed { name: item.owned(attribute), allowed: item.is("allowed") })
        .collect()
}
