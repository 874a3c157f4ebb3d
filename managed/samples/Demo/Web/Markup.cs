// HTML from interpolated strings: the text between the holes is markup, what fills a hole is encoded.

using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;

namespace Mews.Samples.Demo.Web;

/// <summary>A piece of HTML that is safe to send.</summary>
public readonly struct Markup
{
    private readonly string? _html;

    private Markup(string html) => _html = html;

    /// <summary>No HTML.</summary>
    public static Markup Empty => default;

    /// <summary>The HTML of an interpolated string, its holes encoded unless they are markup themselves.</summary>
    public static Markup Of(Handler html) => new(html.Finish());

    /// <summary>Several pieces, one after the other.</summary>
    public static Markup Join(IEnumerable<Markup> pieces) => new(string.Concat(pieces.Select(piece => piece._html)));

    /// <summary>The HTML text.</summary>
    public override string ToString() => _html ?? "";

    /// <summary>Collects the parts of an interpolated string; used by the compiler.</summary>
    [InterpolatedStringHandler]
    public readonly ref struct Handler(int literalLength, int holes)
    {
        private readonly StringBuilder _builder = new(literalLength + (holes * 16));

        /// <summary>Appends markup as it stands.</summary>
        public void AppendLiteral(string html) => _builder.Append(html);

        /// <summary>Appends markup as it stands.</summary>
        public void AppendFormatted(Markup markup) => _builder.Append(markup._html);

        /// <summary>Appends a value, encoded.</summary>
        public void AppendFormatted<T>(T value) =>
            _builder.Append(HtmlEncoder.Default.Encode(Convert.ToString(value, CultureInfo.InvariantCulture) ?? ""));

        /// <summary>Appends a value in a format, encoded.</summary>
        public void AppendFormatted<T>(T value, string format)
            where T : IFormattable => AppendFormatted(value.ToString(format, CultureInfo.InvariantCulture));

        internal string Finish() => _builder.ToString();
    }
}
