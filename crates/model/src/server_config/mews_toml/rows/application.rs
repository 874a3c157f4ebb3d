//! The rows about an application of a site.

use super::super::table::Default::{Required, Text, Words};
use super::super::table::{Form, Kind, Nested, Row, row};
use super::AUTHENTICATION;
use crate::HostingModel;
use crate::server_config::draft::ApplicationDraft;

pub(super) const APPLICATION: &[Row<ApplicationDraft>] = &[
    row(
        "path",
        Kind::Text(|application, path| application.path = path),
        Text("\"/\""),
        "`/`, or the path below which it lies. It becomes the app's path base; case does not count.",
    ),
    row(
        "physical_path",
        Kind::Path(|application, path| application.physical_path = Some(path)),
        Required,
        "The folder that `dotnet publish` made, with its `web.config`. It may be a symbolic link, which is followed \
         at each start.",
    ),
    row(
        "pool",
        Kind::Text(|application, name| application.pool = Some(name)),
        Words("one of its own"),
        "Its application pool. One of its own is called as the site, with the path behind: `shop`, `shop-api`.",
    ),
    row(
        "hosting_model",
        Kind::Choice(&[
            ("InProcess", |app| app.application.hosting_model = Some(HostingModel::InProcess)),
            ("OutOfProcess", |app| app.application.hosting_model = Some(HostingModel::OutOfProcess)),
        ]),
        Words("what `web.config` says"),
        "Where it runs. Applications that run in-process need a pool each; the others may share one.",
    ),
    row(
        "authentication",
        Kind::Nested(&Nested {
            form: Form::One,
            what: "authentication",
            rows: AUTHENTICATION,
            open: |app: &mut ApplicationDraft, _| app.application.authentication.get_or_insert_default(),
            off: None,
            short: Some("keytab"),
        }),
        Words("the site's"),
        "The same as the site's `authentication`, in its place.",
    ),
];
