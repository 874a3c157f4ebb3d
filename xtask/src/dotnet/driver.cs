// The private compiler: Roslyn, used as a library, behind csc's own command line. Not a build system.
//
// Compiles one project per response file, in order, in one process, because the start of the compiler costs more than
// a project. Diagnostics go to stderr as csc prints them; stdout gets one line per project: `ok FILE` or `failed FILE`.
// This file is C# 8: an old compiler makes it once.

using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;

static class Driver
{
    // Framework references are the same for every project; reading them once halves the time of each.
    static readonly Dictionary<string, PortableExecutableReference> references = new Dictionary<string, PortableExecutableReference>();

    static int Main(string[] responseFiles)
    {
        int failures = 0;
        foreach (string file in responseFiles)
        {
            bool done;
            try
            {
                done = Compile(file);
            }
            catch (Exception e) when (e is IOException || e is UnauthorizedAccessException || e is BadImageFormatException)
            {
                Console.Error.WriteLine("error: " + file + ": " + e.Message);
                done = false;
            }
            Console.Out.WriteLine((done ? "ok " : "failed ") + file);
            if (!done) failures++;
        }
        return failures == 0 ? 0 : 1;
    }

    static bool Compile(string responseFile)
    {
        var arguments = CSharpCommandLineParser.Default.Parse(
            new[] { "-noconfig", "@" + responseFile }, Directory.GetCurrentDirectory(), null, null);
        foreach (Diagnostic error in arguments.Errors) Console.Error.WriteLine(error);
        if (arguments.Errors.Any(error => error.Severity == DiagnosticSeverity.Error)) return false;

        var trees = arguments.SourceFiles.AsParallel().AsOrdered().Select(file => Parse(file.Path, arguments.ParseOptions)).ToList();
        var metadata = new List<MetadataReference>();
        foreach (CommandLineReference reference in arguments.MetadataReferences)
        {
            if (!File.Exists(reference.Reference))
            {
                Console.Error.WriteLine("error: " + arguments.OutputFileName + ": not compiled, because it needs " + Path.GetFileName(reference.Reference) + ", which is not there");
                return false;
            }
            metadata.Add(Reference(reference.Reference).WithProperties(reference.Properties));
        }
        var resolver = new SourceFileResolver(ImmutableArray<string>.Empty, arguments.BaseDirectory, arguments.PathMap);
        var compilation = CSharpCompilation.Create(
            arguments.CompilationName ?? Path.GetFileNameWithoutExtension(arguments.OutputFileName), trees, metadata,
            arguments.CompilationOptions.WithSourceReferenceResolver(resolver));

        // Into memory first: a failed compilation must leave no assembly behind.
        using (var assembly = new MemoryStream())
        {
            var result = compilation.Emit(assembly, manifestResources: arguments.ManifestResources, options: arguments.EmitOptions);
            foreach (Diagnostic diagnostic in result.Diagnostics)
                if (diagnostic.Severity >= DiagnosticSeverity.Warning && !diagnostic.IsSuppressed) Console.Error.WriteLine(diagnostic);
            if (!result.Success) return false;
            File.WriteAllBytes(Path.Combine(arguments.OutputDirectory, arguments.OutputFileName), assembly.ToArray());
            return true;
        }
    }

    static SyntaxTree Parse(string path, CSharpParseOptions options)
    {
        using (FileStream stream = File.OpenRead(path))
            return CSharpSyntaxTree.ParseText(SourceText.From(stream, Encoding.UTF8), options, path);
    }

    static PortableExecutableReference Reference(string path)
    {
        PortableExecutableReference known;
        if (!references.TryGetValue(path, out known)) references[path] = known = MetadataReference.CreateFromFile(path);
        return known;
    }
}
