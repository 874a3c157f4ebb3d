// IIS server variables, computed from the request when asked for. Apps may set them; nothing but the app reads them then,
// except for the one that keeps a response from being compressed.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Mews.Server.Http;

internal abstract partial class MewsHttpContext : IServerVariablesFeature
{
    private const string DynamicCompression = "IIS_EnableDynamicCompression";

    private readonly object _variablesGate = new();
    private Dictionary<string, string?>? _variables;

    string? IServerVariablesFeature.this[string variableName]
    {
        get
        {
            ArgumentException.ThrowIfNullOrEmpty(variableName);
            lock (_variablesGate)
            {
                if (_variables is not null && _variables.TryGetValue(variableName, out string? value))
                {
                    return value;
                }
            }

            return Variable(variableName.ToUpperInvariant());
        }
        set
        {
            ArgumentException.ThrowIfNullOrEmpty(variableName);
            ArgumentNullException.ThrowIfNull(value);
            lock (_variablesGate)
            {
                (_variables ??= new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase))[variableName] = value;
            }
        }
    }

    private bool IsCompressionOff
    {
        get
        {
            if (_variables is null)
            {
                return false;
            }

            lock (_variablesGate)
            {
                return _variables.TryGetValue(DynamicCompression, out string? value) && value == "0";
            }
        }
    }

    private void ResetVariables() => _variables = null;

    private string? Variable(string name)
    {
        IHttpRequestFeature request = this;
        IHttpConnectionFeature connection = this;
        HostFacts host = _settings.Host;
        switch (name)
        {
            case "REQUEST_METHOD":
                return ReadMethod();
            case "SERVER_PROTOCOL":
            case "HTTP_VERSION":
                return ReadProtocol();
            case "QUERY_STRING":
                return ReadQuery().TrimStart('?');
            case "UNENCODED_URL":
                return ReadRawTarget();
            case "URL":
            case "PATH_INFO":
            case "SCRIPT_NAME":
                return request.PathBase + request.Path;
            case "PATH_TRANSLATED":
                return host.PhysicalPath + request.Path;
            case "REMOTE_ADDR":
            case "REMOTE_HOST":
                return connection.RemoteIpAddress?.ToString();
            case "REMOTE_PORT":
                return Number(connection.RemotePort);
            case "LOCAL_ADDR":
                return connection.LocalIpAddress?.ToString();
            case "SERVER_NAME":
                return ServerName(request, connection);
            case "SERVER_PORT":
                return Number(connection.LocalPort);
            case "SERVER_PORT_SECURE":
                return IsTls ? "1" : "0";
            case "HTTPS":
                return IsTls ? "on" : "off";
            case "SERVER_SOFTWARE":
                return "Mews/" + host.Version;
            case "GATEWAY_INTERFACE":
                return "CGI/1.1";
            case "CONTENT_TYPE":
                return request.Headers.ContentType.Count == 0 ? string.Empty : request.Headers.ContentType.ToString();
            case "CONTENT_LENGTH":
                return Number(Math.Max(_requestContentLength, 0));
            case "APPL_PHYSICAL_PATH":
                return host.PhysicalPath + "/";
            case "APPL_MD_PATH":
                return host.ApplicationId;
            case "APPL_PATH":
                return host.VirtualPath;
            case "APP_POOL_ID":
                return host.AppPool;
            case "INSTANCE_ID":
                return Number(host.SiteId);
            case "INSTANCE_NAME":
                return host.SiteName;
            case "INSTANCE_META_PATH":
                return "/LM/W3SVC/" + Number(host.SiteId);
            case "WEBSOCKET_VERSION":
                return host.WebSockets ? "13" : null;
            case "AUTH_TYPE":
                return (WindowsUser ?? _user)?.Identity?.AuthenticationType ?? string.Empty;
            case "AUTH_USER":
            case "REMOTE_USER":
            case "LOGON_USER":
                return (WindowsUser ?? _user)?.Identity?.Name ?? string.Empty;
            case "ALL_RAW":
                return AllHeaders(request.Headers);
            default:
                return name.StartsWith("HTTP_", StringComparison.Ordinal) ? HeaderVariable(request.Headers, name) : null;
        }
    }

    private static string ServerName(IHttpRequestFeature request, IHttpConnectionFeature connection)
    {
        string host = new HostString(request.Headers.Host.ToString()).Host;
        return host.Length != 0 ? host : connection.LocalIpAddress?.ToString() ?? string.Empty;
    }

    // HTTP_X_NAME is the header X-Name. A header whose own name has an underscore is never answered: two names would mean the same.
    private static string? HeaderVariable(IHeaderDictionary headers, string name)
    {
        string header = name["HTTP_".Length..].Replace('_', '-');
        return headers.TryGetValue(header, out StringValues values) ? values.ToString() : null;
    }

    private static string AllHeaders(IHeaderDictionary headers)
    {
        var text = new StringBuilder();
        foreach (KeyValuePair<string, StringValues> header in headers)
        {
            text.Append(header.Key).Append(": ").Append(header.Value.ToString()).Append("\r\n");
        }

        return text.ToString();
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
