//! Finding .NET, understanding the app, preparing the runtime.
