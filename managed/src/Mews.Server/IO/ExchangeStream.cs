// What the streams of an exchange have in common: none of them can be moved about in or has a length.

using System;
using System.IO;

namespace Mews.Server.IO;

/// <summary>A stream that only goes forward.</summary>
internal abstract class ExchangeStream : Stream
{
    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
