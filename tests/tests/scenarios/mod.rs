//! What a client meets whichever model the app is hosted in. Two test programs hold these files, one for each model; where the models differ on purpose, a
//! scenario asks which one it plays in and says why.

mod http1;
mod http1_rejections;
mod request_bodies;
mod streams;
mod websockets;
