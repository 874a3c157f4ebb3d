//! What a client meets whichever model the app is hosted in. Two test programs hold these files, one for each model; where the models differ on purpose, a
//! scenario asks which one it plays in and says why. What one model alone has is in the files `in_process_*` and `out_of_process_*`, and what becomes of the bytes
//! between worker and app in `forwarding*`.

mod access_log;
mod apps;
mod basics;
mod browser;
mod compression;
mod framing_table;
mod http1;
mod http1_rejections;
mod https;
mod isolation;
mod limits;
mod metrics;
mod request_bodies;
mod responses;
mod site;
mod streams;
mod websockets;
