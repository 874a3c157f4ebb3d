// What may stand in a header's name and value.

using System;
using System.Buffers;
using Microsoft.Extensions.Primitives;

namespace Mews.Server.Headers;

/// <summary>Checks of header text, so that no header can end a line early.</summary>
internal static class HeaderRules
{
    private static readonly SearchValues<char> s_token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Refuses a name that is not an HTTP token.</summary>
    /// <exception cref="InvalidOperationException">The name is empty or holds another character.</exception>
    internal static void CheckName(string name)
    {
        int at = name.AsSpan().IndexOfAnyExcept(s_token);
        if (at >= 0)
        {
            throw new InvalidOperationException("Invalid character 0x" + ((int)name[at]).ToString("X4") + " in the header name '" + name + "'.");
        }

        if (name.Length is 0 or > ushort.MaxValue)
        {
            throw new InvalidOperationException("A header name must have 1 to 65535 characters.");
        }
    }

    /// <summary>Refuses values with control characters below 0x20.</summary>
    /// <exception cref="InvalidOperationException">A value holds one.</exception>
    internal static void CheckValues(string name, StringValues values)
    {
        for (int i = 0; i < values.Count; i++)
        {
            string? value = values[i];
            if (value is null)
            {
                continue;
            }

            int at = value.AsSpan().IndexOfAnyInRange('\0', '\x1f');
            if (at >= 0)
            {
                throw new InvalidOperationException("Invalid control character 0x" + ((int)value[at]).ToString("X4") + " in the value of the header '" + name + "'.");
            }
        }
    }
}
