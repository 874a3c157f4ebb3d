// A controller with attribute routes, model binding and validation.

using Microsoft.AspNetCore.Mvc;

namespace Mews.TestApps.StartupApp.Controllers;

/// <summary>Products: list, read, add, remove.</summary>
[ApiController]
[Route("api/[controller]")]
public sealed class ProductsController(ProductStore store) : ControllerBase
{
    /// <summary>All products, or those whose name contains a text.</summary>
    [HttpGet]
    public IEnumerable<Product> List([FromQuery] string? name) =>
        store.All().Where(product => name is null || product.Name!.Contains(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>One product.</summary>
    [HttpGet("{id:int}")]
    public ActionResult<Product> Read(int id) => store.Find(id) is { } product ? product : NotFound();

    /// <summary>Adds a product; one that is not valid gets a 400 with the reasons.</summary>
    [HttpPost]
    public ActionResult<Product> Add(Product product)
    {
        store.Add(product);
        return CreatedAtAction(nameof(Read), new { id = product.Id }, product);
    }

    /// <summary>Removes a product.</summary>
    [HttpDelete("{id:int}")]
    public IActionResult Remove(int id) => store.Remove(id) ? NoContent() : NotFound();
}
