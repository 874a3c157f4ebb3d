// A user as the host writes it: records of a tag, a length and text. docs/internals/abi.md lists the tags.

using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Security.Claims;
using System.Text;

namespace Mews.Server.Authentication;

/// <summary>Makes a principal of what the host says about a user.</summary>
internal static class UserRecords
{
    private const int Header = 5;

    private const byte AuthenticationType = 1;
    private const byte Name = 2;
    private const byte GroupName = 3;
    private const byte GroupSid = 4;
    private const byte Sid = 5;
    private const byte Alias = 6;

    /// <summary>The user; null when there is none, or when the bytes are not what the host writes.</summary>
    internal static ClaimsPrincipal? Read(ReadOnlySpan<byte> records)
    {
        string type = string.Empty;
        var claims = new List<Claim>();
        bool named = false;
        while (records.Length >= Header)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(records[1..]);
            if (length > (uint)(records.Length - Header))
            {
                return null;
            }

            string text = Encoding.UTF8.GetString(records.Slice(Header, (int)length));
            switch (records[0])
            {
                case AuthenticationType:
                    type = text;
                    break;
                case Name:
                    named = text.Length != 0;
                    claims.Add(new Claim(ClaimTypes.Name, text));
                    AddPrincipalName(claims, text);
                    break;
                case GroupName:
                    claims.Add(new Claim(ClaimTypes.Role, text));
                    break;
                case GroupSid:
                    // On Windows these are the roles; IsInRole looks at one type of claims only.
                    claims.Add(new Claim(ClaimTypes.GroupSid, text));
                    claims.Add(new Claim(ClaimTypes.Role, text));
                    break;
                case Sid:
                    claims.Add(new Claim(ClaimTypes.PrimarySid, text));
                    break;
                case Alias:
                    AddPrincipalName(claims, text);
                    break;
            }

            records = records[(Header + (int)length)..];
        }

        if (!named || type.Length == 0 || records.Length != 0)
        {
            return null;
        }

        return new ClaimsPrincipal(new ClaimsIdentity(claims, type, ClaimTypes.Name, ClaimTypes.Role));
    }

    private static void AddPrincipalName(List<Claim> claims, string text)
    {
        if (text.Contains('@', StringComparison.Ordinal))
        {
            claims.Add(new Claim(ClaimTypes.Upn, text));
        }
    }
}
