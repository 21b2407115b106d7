def train(model, criterion, optimizer, loader, device="cpu"):
    model.train()
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        y_hat = model(x)
        loss = criterion(y_hat, y)  # expect: XE101
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
