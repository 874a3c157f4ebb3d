//! Every section that counts, typed.
#![allow(clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

use std::time::Duration;

use mews_model::filtering::RequestFiltering;
use mews_model::rewrite::{Action, LogicalGrouping, MatchType, PatternSyntax, RedirectType};
use mews_model::web_config::{
    AddressRule, DenyAction, ErrorMode, ExistingResponse, HandlerSettings, ResponseMode, TokenChecking,
    WebConfig, read,
};

/// What the inner elements of `system.webServer` say, and the warnings.
fn said(inner: &str) -> (WebConfig, Vec<String>) {
    let text = format!("<configuration><system.webServer>{inner}</system.webServer></configuration>");
    match read("f", text.as_bytes()) {
        Ok((config, warnings)) => (config, warnings.iter().map(|warning| warning.one_line()).collect()),
        Err(problems) => panic!("{}", problems.render()),
    }
}

fn quiet(inner: &str) -> WebConfig {
    let (config, warnings) = said(inner);
    assert!(warnings.is_empty(), "{warnings:?}");
    config
}

#[test]
fn nothing_is_said() {
    assert_eq!(quiet(""), WebConfig::default());
    assert_eq!(quiet("<security/><rewrite/><httpProtocol/><modules/><handlers/>"), WebConfig::default());
}

#[test]
fn handler_settings() {
    let settings = |inner: &str| {
        let (config, warnings) = said(&format!(
            "<aspNetCore processPath='x'><handlerSettings>{inner}</handlerSettings></aspNetCore>"
        ));
        (config.asp_net_core.unwrap().settings, warnings)
    };
    let one = |name: &str, value: &str| {
        let (settings, warnings) = settings(&format!("<handlerSetting name='{name}' value='{value}'/>"));
        // What has no effect here is read for what it says, and said to have none.
        let other = |warning: &&String| !warning.contains("has no effect here");
        assert_eq!(warnings.iter().find(other), None, "{name}");
        settings
    };
    assert_eq!(settings("").0, HandlerSettings::default());
    let plain = HandlerSettings::default;
    for (name, value, expected) in [
        ("debugFile", "x.log", HandlerSettings { debug_file: Some("x.log".to_owned()), ..plain() }),
        (
            "debugLevel",
            "FILE,trace",
            HandlerSettings { debug_level: vec!["FILE".to_owned(), "trace".to_owned()], ..plain() },
        ),
        ("setCurrentDirectory", "False", HandlerSettings { set_current_directory: false, ..plain() }),
        ("callStartupHook", "false", HandlerSettings { call_startup_hook: false, ..plain() }),
        ("stackSize", "2097152", HandlerSettings { stack_size: Some(2 << 20), ..plain() }),
        ("STACKSIZE", "0x100000", HandlerSettings { stack_size: Some(1 << 20), ..plain() }),
        (
            "suppressRecycleOnStartupTimeout",
            "true",
            HandlerSettings { suppress_recycle_on_startup_timeout: true, ..plain() },
        ),
        ("enableShadowCopy", "TRUE", HandlerSettings { enable_shadow_copy: true, ..plain() }),
        ("experimentalEnableShadowCopy", "true", HandlerSettings { enable_shadow_copy: true, ..plain() }),
        (
            "shadowCopyDirectory",
            "c",
            HandlerSettings { shadow_copy_directory: Some("c".to_owned()), ..plain() },
        ),
        (
            "cleanShadowCopyDirectory",
            "true",
            HandlerSettings { clean_shadow_copy_directory: true, ..plain() },
        ),
        (
            "disallowRotationOnConfigChange",
            "true",
            HandlerSettings { disallow_rotation_on_config_change: true, ..plain() },
        ),
        (
            "shutdownDelay",
            "250",
            HandlerSettings { shutdown_delay: Some(Duration::from_millis(250)), ..plain() },
        ),
        (
            "enableOutOfProcessConsoleRedirection",
            "false",
            HandlerSettings { out_of_process_console_redirection: false, ..plain() },
        ),
        (
            "forwardResponseConnectionHeader",
            "true",
            HandlerSettings { forward_response_connection_header: true, ..plain() },
        ),
        ("stdoutLogMaxBytes", "0", HandlerSettings { stdout_log_max_bytes: None, ..plain() }),
        ("stdoutLogMaxBytes", "4096", HandlerSettings { stdout_log_max_bytes: Some(4096), ..plain() }),
        ("stdoutLogMaxFiles", "2", HandlerSettings { stdout_log_max_files: 2, ..plain() }),
    ] {
        assert_eq!(one(name, value), expected, "{name}");
    }
    for (inner, part) in [
        ("<handlerSetting name='stdoutLogMaxByte' value='1'/>", "did you mean 'stdoutLogMaxBytes'?"),
        ("<handlerSetting name='colour' value='red'/>", "it has no effect"),
        ("<handlerSetting name='handlerVersion' value='2.0'/>", "no meaning on Linux"),
        ("<handlerSetting name='enableShadowCopy' value='yes'/>", "it counts as false"),
        ("<handlerSetting name='enableOutOfProcessConsoleRedirection' value='no'/>", "it counts as true"),
    ] {
        let (_, warnings) = settings(inner);
        assert_eq!(
            warnings.iter().filter(|warning| warning.contains(part)).count(),
            1,
            "{inner}: {warnings:?}"
        );
    }
    let first =
        "<handlerSetting name='stackSize' value='65536'/><handlerSetting name='StackSize' value='131072'/>";
    let (first, warnings) = settings(first);
    assert_eq!((first.stack_size, warnings.len()), (Some(65536), 1));
}

#[test]
fn request_filtering() {
    assert_eq!(quiet("").request_filtering, RequestFiltering::default());
    let config = quiet("<security><requestFiltering/></security>");
    assert_eq!(config.request_filtering, RequestFiltering::element());
    assert_eq!(config.max_content_length, 30_000_000);
    let config = quiet(
        "<security><requestFiltering allowDoubleEscaping='true' allowHighBitCharacters='false'
             unescapeQueryString='false'>
           <requestLimits maxAllowedContentLength='10' maxUrl='20' maxQueryString='30'>
             <headerLimits><add header='Cookie' sizeLimit='40'/></headerLimits></requestLimits>
           <hiddenSegments><remove segment='bin'/><add segment='private'/></hiddenSegments>
           <fileExtensions allowUnlisted='false'><clear/><add fileExtension='.html' allowed='true'/></fileExtensions>
           <verbs allowUnlisted='false'><add verb='GET' allowed='true'/><add verb='get' allowed='false'/></verbs>
           <denyUrlSequences><add sequence='..'/></denyUrlSequences>
           <denyQueryStringSequences><add sequence='--'/></denyQueryStringSequences>
           <alwaysAllowedUrls><add url='/bin/x'/></alwaysAllowedUrls>
           <alwaysAllowedQueryStrings><add queryString='a=--'/></alwaysAllowedQueryStrings>
         </requestFiltering></security>",
    );
    assert_eq!(config.max_content_length, 10);
    let filtering = config.request_filtering;
    assert_eq!((filtering.limits.max_url, filtering.limits.max_query_string), (20, 30));
    assert_eq!(filtering.limits.headers[0].name, "Cookie");
    assert_eq!(filtering.limits.headers[0].size_limit, 40);
    assert!(filtering.hidden_segments.defaults);
    assert_eq!(filtering.hidden_segments.removed, ["bin"]);
    assert_eq!(filtering.hidden_segments.added, ["private"]);
    assert!(!filtering.file_extensions.defaults && !filtering.file_extensions.allow_unlisted);
    assert_eq!(filtering.file_extensions.added.len(), 1);
    assert!(!filtering.verbs.allow_unlisted && filtering.verbs.listed.len() == 2);
    assert_eq!(filtering.deny_url_sequences, [".."]);
    assert_eq!(filtering.deny_query_string_sequences, ["--"]);
    assert_eq!(filtering.always_allowed_urls, ["/bin/x"]);
    assert_eq!(filtering.always_allowed_query_strings, ["a=--"]);
    assert!(filtering.allow_double_escaping && !filtering.allow_high_bit_characters);
    assert!(!filtering.unescape_query_string);
}

#[test]
fn who_may_do_what() {
    let (config, warnings) = said(
        "<security>
           <access sslFlags='Ssl, SslRequireCert'/>
           <authentication>
             <anonymousAuthentication enabled='false' userName='x' password='secret'/>
             <windowsAuthentication enabled='true' useKernelMode='false' useAppPoolCredentials='true'
                 authPersistSingleRequest='true' authPersistNonNTLM='true'>
               <providers><clear/><add value='Negotiate:Kerberos'/></providers>
               <extendedProtection tokenChecking='Require' flags='None, Proxy'><spn name='HTTP/x'/></extendedProtection>
             </windowsAuthentication>
             <basicAuthentication enabled='true' realm='Shop' defaultLogonDomain='SHOP' logonMethod='network'/>
             <iisClientCertificateMappingAuthentication enabled='true' manyToOneCertificateMappingsEnabled='true'>
               <manyToOneMappings>
                 <add name='a' userName='u' password='secret' permissionMode='Deny'>
                   <rules><add certificateField='Issuer' certificateSubField='CN' matchCriteria='*x'/></rules></add>
                 <add name='b' enabled='false'/>
               </manyToOneMappings>
               <oneToOneMappings><add userName='v' password='secret' certificate='MII'/></oneToOneMappings>
             </iisClientCertificateMappingAuthentication>
           </authentication>
           <authorization><add accessType='Deny' users='?, SHOP\\x' roles='r' verbs='GET, POST'/></authorization>
           <ipSecurity allowUnlisted='false' denyAction='notfound' enableProxyMode='true'>
             <add ipAddress='10.1.2.3' subnetMask='255.255.0.0' allowed='true'/>
             <add ipAddress='10.1.2.3'/><add ipAddress='2001:db8::' subnetMask='32'/><add domainName='*.x'/>
           </ipSecurity>
         </security>",
    );
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("domainName is not looked at"), "{warnings:?}");
    let schemes = config.authentication;
    assert_eq!((schemes.anonymous, schemes.windows, schemes.basic), (Some(false), Some(true), Some(true)));
    assert_eq!((schemes.digest, schemes.client_certificate), (None, Some(true)));
    assert!(!format!("{config:?}").contains("secret"));
    let security = config.security;
    assert!(security.access.require_tls && security.access.require_certificate);
    assert!(!security.access.negotiate_certificate);
    let windows = security.windows;
    assert_eq!(windows.providers, ["Negotiate:Kerberos"]);
    assert!(!windows.use_kernel_mode && windows.use_app_pool_credentials);
    assert!(windows.persist_single_request && windows.persist_non_ntlm);
    assert_eq!(windows.token_checking, TokenChecking::Require);
    assert_eq!(
        (windows.extended_protection_flags, windows.service_names),
        (vec!["Proxy".into()], vec!["HTTP/x".into()])
    );
    assert_eq!(
        (security.basic.realm.as_str(), security.basic.default_logon_domain.as_str()),
        ("Shop", "SHOP")
    );
    let mapping = &security.certificates.many_to_one;
    assert!(mapping.len() == 1 && !mapping[0].allow && mapping[0].user == "u");
    assert!(mapping[0].rules[0].issuer && mapping[0].rules[0].case_counts);
    assert_eq!(security.certificates.one_to_one[0].certificate, "MII");
    // The server's own rule comes last unless the file takes it away.
    assert!(security.authorization.len() == 2 && security.authorization[1].allow);
    let rule = &security.authorization[0];
    assert!(
        !rule.allow && rule.users == ["?", "SHOP\\x"] && rule.roles == ["r"] && rule.verbs == ["GET", "POST"]
    );
    let addresses = &security.addresses;
    assert!(!addresses.allow_unlisted && addresses.proxy_mode && !addresses.reverse_dns);
    assert_eq!(addresses.deny_action, DenyAction::NotFound);
    let network = |address: &str, bits, allowed| AddressRule::Network {
        address: address.parse().unwrap(),
        bits,
        allowed,
    };
    let domain = AddressRule::Domain { name: "*.x".to_owned(), allowed: false };
    let expected = [
        network("10.1.2.3", 16, true),
        network("10.1.2.3", 32, false),
        network("2001:db8::", 32, false),
        domain,
    ];
    assert_eq!(addresses.rules, expected);
}

#[test]
fn windows_providers_are_added_to_the_usual_ones() {
    let providers = |inner: &str| {
        let windows =
            format!("<windowsAuthentication><providers>{inner}</providers></windowsAuthentication>");
        quiet(&format!("<security><authentication>{windows}</authentication></security>"))
            .security
            .windows
            .providers
    };
    assert_eq!(providers(""), ["Negotiate", "NTLM"]);
    assert_eq!(providers("<remove value='ntlm'/>"), ["Negotiate"]);
    assert_eq!(providers("<add value='NTLM'/>"), ["Negotiate", "NTLM"]);
    assert_eq!(providers("<clear/>"), [""; 0]);
}

#[test]
fn what_restricts_nobody_is_not_warned_about() {
    quiet(
        "<security><access sslFlags='None'/><authorization><add accessType='Allow' users='*'/></authorization>
         <ipSecurity allowUnlisted='true'><add ipAddress='127.0.0.1' allowed='true'/></ipSecurity></security>
         <applicationInitialization doAppInitAfterRestart='true'/><directoryBrowse enabled='false'/>
         <webSocket receiveBufferLimit='4194304'/>",
    );
}

#[test]
fn headers_errors_and_web_sockets() {
    let config = quiet(
        "<httpProtocol><customHeaders><remove name='X-Powered-By'/><add name='X-A' value=' 1 '/><add name='X-B'/>
         </customHeaders><redirectHeaders><add name='X-C' value='2'/></redirectHeaders></httpProtocol>
         <httpErrors errorMode='Custom' existingResponse='replace' defaultPath='/e' defaultResponseMode='ExecuteURL'>
           <clear/><error statusCode='404' path='a.html'/>
           <error statusCode='404' subStatusCode='5' path='https://x' responseMode='Redirect' prefixLanguageFilePath='l'/>
         </httpErrors>",
    );
    let pairs = [("X-A".to_owned(), "1".to_owned()), ("X-B".to_owned(), String::new())];
    assert_eq!(config.custom_headers, pairs);
    let errors = config.http_errors.unwrap();
    assert_eq!((errors.mode, errors.existing_response), (ErrorMode::Custom, ExistingResponse::Replace));
    assert_eq!(errors.default_page, Some(("/e".to_owned(), ResponseMode::ExecuteUrl)));
    assert!(errors.cleared);
    assert_eq!(errors.page(404, 5).unwrap().mode, ResponseMode::Redirect);
    assert_eq!(errors.page(404, 7).unwrap().path, "a.html");
    assert_eq!(errors.page(500, 0), None);
    let (config, warnings) = said("<webSocket enabled='false' pingInterval='00:00:30'/>");
    assert!(!config.web_sockets && warnings.len() == 1);
    assert_eq!(config.web_socket.ping_interval, Duration::from_secs(30));
}

#[test]
fn handlers_and_modules() {
    let ours = "name='aspNetCore' modules='AspNetCoreModuleV2'";
    let config = quiet(&format!("<handlers><remove name='x'/><add {ours} path='*' verb='*'/></handlers>"));
    assert_eq!(config.handlers[0].modules, "AspNetCoreModuleV2");
    for (inner, part) in [
        (format!("<handlers><add {ours} path='/api/*' verb='*'/></handlers>"), "some paths only"),
        (format!("<handlers><add {ours} path='*' verb='GET'/></handlers>"), "some methods only"),
        (
            "<handlers><add name='p' path='*.php' verb='*' modules='FastCgiModule'/></handlers>".to_owned(),
            "'p' needs IIS",
        ),
        (
            "<handlers><add name='s' path='*' verb='*' modules='StaticFileModule'/></handlers>".to_owned(),
            "UseStaticFiles",
        ),
        ("<modules><add name='m' type='x'/></modules>".to_owned(), "'m' needs IIS"),
    ] {
        let (_, warnings) = said(&inner);
        assert!(warnings.len() == 1 && warnings[0].contains(part), "{inner}: {warnings:?}");
    }
    let config = quiet("<modules><clear/><remove name='WebDAVModule'/></modules>");
    assert_eq!(config.modules.removed, ["WebDAVModule"]);
    let (config, _) = said(
        "<applicationInitialization><add initializationPage='/w' hostName='h'/></applicationInitialization>",
    );
    assert_eq!(config.application_initialization.pages[0].path, "/w");
}

#[test]
fn rewrite_rules() {
    let config = quiet(
        "<rewrite>
           <rewriteMaps><rewriteMap name='m' defaultValue='d' ignoreCase='false'><add key='a' value='b'/>
             <add key='A' value='c'/></rewriteMap></rewriteMaps>
           <rules>
             <rule name='one' patternSyntax='wildcard' stopProcessing='true'>
               <match url='*/x' ignoreCase='false'/>
               <conditions logicalGrouping='MatchAny' trackAllCaptures='true'>
                 <add input='{HTTPS}' pattern='off' ignoreCase='false'/>
                 <add input='{REQUEST_FILENAME}' matchType='IsFile' negate='true'/>
               </conditions>
               <serverVariables><set name='HTTP_X' value='{R:0}' replace='false'/></serverVariables>
               <action type='Redirect' url='https://x/{R:1}' appendQueryString='false' redirectType='302'/>
             </rule>
             <rule name='two' enabled='false'/>
             <rule name='three'><match url='.*'/><action type='CustomResponse' statusCode='403' subStatusCode='7'
               statusReason='r' statusDescription='d'/></rule>
             <rule name='four'><match url='.*'/><action type='Rewrite' url='y'/></rule>
             <rule name='five'><match url='.*'/><action type='AbortRequest'/></rule>
             <rule name='six'><match url='.*' negate='true'/></rule>
           </rules>
         </rewrite>",
    );
    let map = &config.rewrite.maps[0];
    assert_eq!((map.name.as_str(), map.default_value.as_str(), map.ignore_case), ("m", "d", false));
    assert_eq!(map.entries.len(), 2);
    let rules = &config.rewrite.rules;
    let one = &rules[0];
    assert_eq!((one.name.as_str(), one.pattern_syntax), ("one", PatternSyntax::Wildcard));
    assert!(one.stop_processing && !one.match_url.negate && !one.match_url.ignore_case);
    assert_eq!(one.conditions.logical_grouping, LogicalGrouping::MatchAny);
    assert!(one.conditions.track_all_captures && !one.conditions.items[0].ignore_case);
    assert_eq!(one.conditions.items[1].match_type, MatchType::IsFile);
    assert!(one.conditions.items[1].negate);
    assert_eq!((one.server_variables[0].name.as_str(), one.server_variables[0].replace), ("HTTP_X", false));
    let redirect = Action::Redirect {
        url: "https://x/{R:1}".to_owned(),
        append_query_string: false,
        redirect_type: RedirectType::Found,
    };
    assert_eq!(one.action, redirect);
    assert!(!rules[1].enabled);
    let (reason, description) = ("r".to_owned(), "d".to_owned());
    assert_eq!(rules[2].action, Action::CustomResponse { status: 403, sub_status: 7, reason, description });
    assert_eq!(rules[3].action, Action::Rewrite { url: "y".to_owned(), append_query_string: true });
    assert!(rules[5].match_url.negate);
    assert_eq!((&rules[4].action, &rules[5].action), (&Action::AbortRequest, &Action::None));
}

#[test]
fn http_redirect_becomes_rules() {
    let rules = |attributes: &str| quiet(&format!("<httpRedirect {attributes}</httpRedirect>")).rewrite.rules;
    assert!(rules("enabled='false' destination='https://x'>").is_empty());
    let first = |attributes: &str| {
        let rule = rules(attributes).remove(0);
        match rule.action {
            Action::Redirect { url, append_query_string, redirect_type } => {
                (rule.match_url.pattern, url, append_query_string, redirect_type.status())
            }
            other => panic!("{other:?}"),
        }
    };
    for (attributes, pattern, url, query, status) in [
        ("enabled='true' destination='https://x'>", "^(.*)$", "https://x/{R:1}", true, 302),
        (
            "enabled='true' destination='https://x/' httpResponseStatus='Permanent'>",
            "^(.*)$",
            "https://x/{R:1}",
            true,
            301,
        ),
        (
            "enabled='true' destination='https://x/y' exactDestination='true'>",
            "^(.*)$",
            "https://x/y",
            false,
            302,
        ),
        (
            "enabled='true' destination='https://x$V$Q'>",
            "^(.*)$",
            "https://x{URL}?{QUERY_STRING}",
            false,
            302,
        ),
        (
            "enabled='true' destination='https://x' childOnly='true'>",
            "^([^/]*)$",
            "https://x/{R:1}",
            true,
            302,
        ),
        ("enabled='true'><add wildcard='/a/*.php' destination='/b/$0'/>", "a/*.php", "/b/{R:1}", true, 302),
    ] {
        assert_eq!(first(attributes), (pattern.to_owned(), url.to_owned(), query, status), "{attributes}");
    }
}
