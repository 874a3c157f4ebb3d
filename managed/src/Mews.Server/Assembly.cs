// Attributes of the assembly.

using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Mews.Server.Tests")]
// Locals are always assigned before they are read, so that zeroing the larger ones would only cost time.
[module: SkipLocalsInit]
